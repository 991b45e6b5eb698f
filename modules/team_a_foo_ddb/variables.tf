variable "role_name" {
  description = "Name of the IAM role that another account assumes."
  type        = string
}

variable "role_path" {
  description = "Path of the IAM role; begins and ends with a slash."
  type        = string
  default     = "/"
}

variable "trust_policy" {
  description = "Who may assume the role: a JSON policy document, used as it is."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role's permissions; null for none."
  type        = string
  default     = null
}

variable "table_name" {
  description = "Name of the DynamoDB table."
  type        = string
}

variable "read_capacity" {
  description = "Read capacity units of the table."
  type        = number
  default     = 5
}

variable "write_capacity" {
  description = "Write capacity units of the table."
  type        = number
  default     = 5
}
