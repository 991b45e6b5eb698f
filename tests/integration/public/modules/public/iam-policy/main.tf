variable "create_policy" {
  type    = bool
  default = true
}

variable "name" { type = string }
variable "policy" { type = string }

resource "aws_iam_policy" "policy" {
  count  = var.create_policy ? 1 : 0
  name   = var.name
  policy = var.policy
}

output "arn" { value = try(aws_iam_policy.policy[0].arn, "") }
