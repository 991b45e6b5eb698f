# The public module builds a trust policy of its own: it gets the parts of tfdriver's. That works for one statement, so
# not with `trust_statements:`.
locals {
  trust = one(jsondecode(var.trust_policy).Statement)
}

module "role" {
  source              = "../public/labelled-role"
  parts               = split("-", var.role_name)
  path                = var.role_path
  principals          = { AWS = flatten([local.trust.Principal.AWS]) }
  assume_role_actions = flatten([local.trust.Action])
  assume_role_conditions = flatten([
    for test, keys in try(local.trust.Condition, {}) : [
      for key, values in keys : { test = test, variable = key, values = flatten([values]) }
    ]
  ])
  policy_documents    = [data.aws_iam_policy_document.audit.json]
  managed_policy_arns = [data.aws_iam_policy.security_audit.arn]
}

data "aws_partition" "current" {}

data "aws_iam_policy" "security_audit" {
  arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/SecurityAudit"
}

data "aws_iam_policy_document" "audit" {
  statement {
    actions   = ["iam:GenerateCredentialReport", "iam:GetCredentialReport"]
    resources = ["*"]
  }
}

output "role_arn" { value = module.role.arn }
