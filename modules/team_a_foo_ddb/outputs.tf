output "role_arn" {
  description = "ARN of the role that another account assumes."
  value       = aws_iam_role.this.arn
}

output "table_arn" {
  description = "ARN of the DynamoDB table."
  value       = aws_dynamodb_table.this.arn
}

output "probe" {
  description = "What `tfdriver verify` can read back, and what the role may and may not do with it."
  value = {
    type        = "dynamodb_table"
    table_name  = aws_dynamodb_table.this.name
    hash_key    = local.hash_key
    region      = split(":", aws_dynamodb_table.this.arn)[3]
    granted     = local.granted
    not_granted = ["dynamodb:GetItem", "dynamodb:Scan", "dynamodb:DeleteItem"]
  }
}
