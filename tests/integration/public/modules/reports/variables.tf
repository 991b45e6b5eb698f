variable "role_name" { type = string }

variable "role_path" {
  type    = string
  default = "/"
}

variable "trust_policy" { type = string }

variable "bucket" { type = string }

variable "team" {
  type    = string
  default = "reports"
}
