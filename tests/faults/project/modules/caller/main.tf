# The smallest trusted side: a role that may assume what it is told, and nothing that would run as it.
terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

variable "role_name" {
  type = string
}

variable "role_path" {
  type = string
}

variable "roles_to_assume" {
  type = list(object({ arn = string }))
}

resource "aws_iam_role" "this" {
  name = var.role_name
  path = var.role_path
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "assume"
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = var.roles_to_assume[*].arn }]
  })
}

output "role_arn" {
  value = aws_iam_role.this.arn
}
