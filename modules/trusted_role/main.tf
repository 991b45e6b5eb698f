data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  # Sources: Amazon ECS developer guide, "Amazon ECS task IAM role"; Amazon EKS user guide, "pod-id-role".
  services = {
    ec2    = { principal = "ec2.amazonaws.com", actions = ["sts:AssumeRole"] }
    ecs    = { principal = "ecs-tasks.amazonaws.com", actions = ["sts:AssumeRole"] }
    eks    = { principal = "pods.eks.amazonaws.com", actions = ["sts:AssumeRole", "sts:TagSession"] }
    lambda = { principal = "lambda.amazonaws.com", actions = ["sts:AssumeRole"] }
  }

  # The provider's ARN, written out so that a plan shows the whole trust policy before the provider exists.
  issuer = try(replace(coalesce(var.oidc.url, var.oidc.provider_arn), "/^(https://|.*:oidc-provider/)/", ""), "")
  oidc_provider_arn = try(coalesce(
    var.oidc.provider_arn,
    "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:oidc-provider/${local.issuer}",
  ), null)

  # Lists of one statement or none.
  trust_service = [for service in var.service[*] : {
    Effect    = "Allow"
    Action    = local.services[service].actions
    Principal = { Service = local.services[service].principal }
  } if service != "ecs"]
  # ECS starts tasks for every account: only those of this one.
  trust_tasks = [for service in var.service[*] : {
    Effect    = "Allow"
    Action    = local.services[service].actions
    Principal = { Service = local.services[service].principal }
    Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
  } if service == "ecs"]
  trust_tokens = [for oidc in var.oidc[*] : {
    Effect    = "Allow"
    Action    = ["sts:AssumeRoleWithWebIdentity"]
    Principal = { Federated = local.oidc_provider_arn }
    Condition = {
      StringEquals = { "${local.issuer}:aud" = oidc.audience }
      StringLike   = { "${local.issuer}:sub" = oidc.subjects }
    }
  }]
  trust_operator = [for arn in var.probe_by[*] : {
    Effect    = "Allow"
    Action    = ["sts:AssumeRole"]
    Principal = { AWS = arn }
  }]

  # EKS's session tags are transitive ("pod-id-abac"): they are passed on to each role that a pod assumes.
  assume = [for arns in [var.roles_to_assume[*].arn] : {
    Effect   = "Allow"
    Action   = var.service == "eks" ? ["sts:AssumeRole", "sts:TagSession"] : ["sts:AssumeRole"]
    Resource = arns
  } if length(arns) > 0]
  statements = concat(local.assume, var.statements[*])
  policy     = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

resource "aws_iam_openid_connect_provider" "this" {
  count = try(var.oidc.url, null) == null ? 0 : 1

  url            = var.oidc.url
  client_id_list = [var.oidc.audience]
  tags           = var.tags
}

resource "aws_iam_role" "this" {
  name        = var.role_name
  path        = var.role_path
  description = "Role that assumes roles of other accounts"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.trust_service, local.trust_tasks, local.trust_tokens, local.trust_operator)
  })
  permissions_boundary = var.permissions_boundary
  max_session_duration = var.max_session_duration
  tags                 = var.tags

  lifecycle {
    precondition {
      condition     = (var.service == null) != (var.oidc == null)
      error_message = "Give either `service` or `oidc`."
    }
  }

  depends_on = [aws_iam_openid_connect_provider.this]
}

resource "aws_iam_role_policy" "permissions" {
  count = length(local.statements) > 0 ? 1 : 0

  name   = "permissions"
  role   = aws_iam_role.this.name
  policy = local.policy

  lifecycle {
    precondition {
      # IAM, "IAM and AWS STS quotas": all inline policies of a role together.
      condition     = length(local.policy) <= 10240
      error_message = "The policy has ${length(local.policy)} characters, and IAM allows 10,240."
    }
  }
}

resource "aws_iam_instance_profile" "this" {
  count = var.service == "ec2" ? 1 : 0

  name = aws_iam_role.this.name
  path = var.role_path
  role = aws_iam_role.this.name
  tags = var.tags
}
