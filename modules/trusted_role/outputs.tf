output "role_arn" {
  description = "ARN of the role that assumes roles of other accounts."
  value       = aws_iam_role.this.arn
}

output "probe" {
  description = "Who may assume the role for `tfdriver verify`; null for nobody."
  value       = var.probe_by == null ? null : { type = "role", probe_by = var.probe_by }
}

output "instance_profile_name" {
  description = "Name of the instance profile with the role; null for other services than ec2."
  value       = one(aws_iam_instance_profile.this[*].name)
}

output "oidc_provider_arn" {
  description = "ARN of the OpenID Connect provider; null with `service`."
  value       = local.oidc_provider_arn
}
