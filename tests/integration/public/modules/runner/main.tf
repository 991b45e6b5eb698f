module "role" {
  source                            = "../public/assumable-role"
  create_role                       = true
  role_name                         = var.role_name
  role_path                         = var.role_path
  trusted_role_services             = ["ec2.amazonaws.com", "scheduler.amazonaws.com"]
  create_instance_profile           = true
  custom_role_policy_arns           = [module.policy.arn]
  number_of_custom_role_policy_arns = 1
}

module "policy" {
  source = "../public/iam-policy"
  name   = "${var.role_name}-assume"
  policy = data.aws_iam_policy_document.assume.json
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions   = ["sts:AssumeRole"]
    resources = var.roles_to_assume[*].arn
  }
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.role_name
}

resource "aws_scheduler_schedule" "this" {
  name                = "nightly"
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = "cron(0 3 * * ? *)"
  flexible_time_window { mode = "OFF" }
  target {
    arn      = "arn:aws:sqs:us-west-2:222222222222:jobs"
    role_arn = module.role.iam_role_arn
  }
}

output "role_arn" { value = module.role.iam_role_arn }
