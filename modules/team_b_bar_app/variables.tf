variable "role_name" {
  description = "Name of the Lambda function's IAM role."
  type        = string
}

variable "role_path" {
  description = "Path of the IAM role; begins and ends with a slash."
  type        = string
  default     = "/"
}

variable "roles_to_assume" {
  description = "The roles the function may assume, with the tables they let it write to; see ../README.md."
  type = list(object({
    role        = string
    arn         = string
    external_id = optional(string)
    region      = string
    variables   = map(string)
  }))

  validation {
    condition     = alltrue([for role in var.roles_to_assume : contains(keys(role.variables), "table_name")])
    error_message = "This module writes to DynamoDB tables: each role it may assume needs a variable table_name."
  }
}

variable "package" {
  description = "Path of the zip file with the function's code."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role's permissions; null for none."
  type        = string
  default     = null
}

variable "function_name" {
  description = "Name of the Lambda function and of its event rule; null for the role's name."
  type        = string
  default     = null
}

variable "schedule" {
  description = "When the function runs: an EventBridge schedule expression."
  type        = string
  default     = "rate(1 minute)"
}

variable "log_retention_days" {
  description = "For how many days the function's logs are kept."
  type        = number
  default     = 14
}
