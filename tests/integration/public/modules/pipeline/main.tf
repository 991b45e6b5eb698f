module "role" {
  source   = "../public/oidc-role"
  name     = var.role_name
  path     = var.role_path
  subjects = ["acme/shop:ref:refs/heads/main"]
}

resource "aws_iam_role_policy" "assume" {
  role = module.role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "sts:AssumeRole"
      Resource = var.roles_to_assume[*].arn
    }]
  })
}

output "role_arn" { value = module.role.arn }
