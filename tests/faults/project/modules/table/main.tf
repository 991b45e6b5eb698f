# The smallest trusting side: a table, a role, and what the role may do. Small, since every run pays for it.
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

variable "trust_policy" {
  type = string
}

resource "aws_dynamodb_table" "this" {
  name         = "Faults"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "Key"

  attribute {
    name = "Key"
    type = "S"
  }
}

resource "aws_iam_role" "this" {
  name               = var.role_name
  path               = var.role_path
  assume_role_policy = var.trust_policy
}

resource "aws_iam_role_policy" "this" {
  name = "put"
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "dynamodb:PutItem", Resource = aws_dynamodb_table.this.arn }]
  })
}

output "role_arn" {
  value = aws_iam_role.this.arn
}
