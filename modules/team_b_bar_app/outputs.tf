output "role_arn" {
  description = "ARN of the Lambda function's role."
  value       = aws_iam_role.this.arn
}

output "function_arn" {
  description = "ARN of the Lambda function."
  value       = aws_lambda_function.this.arn
}

output "probe" {
  description = "What `tfdriver verify` can run as the role."
  value = {
    type          = "lambda"
    function_name = aws_lambda_function.this.function_name
    region        = split(":", aws_lambda_function.this.arn)[3]
    attempts      = true
  }
}
