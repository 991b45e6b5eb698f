variable "role_name" { type = string }

variable "role_path" {
  type    = string
  default = "/"
}

variable "roles_to_assume" {
  type = list(object({
    role        = string
    arn         = string
    external_id = optional(string)
    region      = string
    variables   = map(string)
  }))
}
