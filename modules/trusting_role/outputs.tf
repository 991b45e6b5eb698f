output "role_arn" {
  description = "ARN of the role that another account assumes."
  value       = aws_iam_role.this.arn
}

output "probe" {
  description = "What `tfdriver verify` calls with the role: what is granted, and what must be refused."
  value       = length(local.calls) == 0 ? null : { type = "calls", region = data.aws_region.this.id, calls = local.calls }
}
