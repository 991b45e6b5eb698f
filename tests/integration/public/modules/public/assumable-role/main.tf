# A role for a service, or with a whole trust policy of the caller's; with an instance profile.
variable "create_role" {
  type    = bool
  default = false
}

variable "role_name" {
  type    = string
  default = null
}

variable "role_name_prefix" {
  type    = string
  default = null
}

variable "role_path" {
  type    = string
  default = "/"
}

variable "trusted_role_services" {
  type    = list(string)
  default = []
}

variable "custom_role_trust_policy" {
  type    = string
  default = ""
}

variable "custom_role_policy_arns" {
  type    = list(string)
  default = []
}

variable "number_of_custom_role_policy_arns" {
  type    = number
  default = null
}

variable "create_instance_profile" {
  type    = bool
  default = false
}

data "aws_iam_policy_document" "services" {
  count = var.custom_role_trust_policy == "" ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = var.trusted_role_services
    }
  }
}

resource "aws_iam_role" "this" {
  count       = var.create_role ? 1 : 0
  name        = var.role_name
  name_prefix = var.role_name_prefix
  path        = var.role_path
  assume_role_policy = (
    var.custom_role_trust_policy == "" ? one(data.aws_iam_policy_document.services[*].json) : var.custom_role_trust_policy
  )
}

resource "aws_iam_role_policy_attachment" "custom" {
  count      = var.create_role ? coalesce(var.number_of_custom_role_policy_arns, length(var.custom_role_policy_arns)) : 0
  role       = aws_iam_role.this[0].name
  policy_arn = element(var.custom_role_policy_arns, count.index)
}

resource "aws_iam_instance_profile" "this" {
  count = var.create_role && var.create_instance_profile ? 1 : 0
  name  = var.role_name
  path  = var.role_path
  role  = aws_iam_role.this[0].name
}

output "iam_role_arn" { value = try(aws_iam_role.this[0].arn, "") }
output "iam_role_name" { value = try(aws_iam_role.this[0].name, "") }
