locals {
  # Source of actions and resources: Service Authorization Reference. A GetObject of a missing key is answered with 404
  # instead of 403 only if the bucket may be listed, and SDKs abort an upload in parts that fails.
  granted = concat(
    [for e in var.s3_read : { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [e.arn] } if e.prefix == ""],
    [for e in var.s3_read : {
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [e.arn]
      Condition = { StringLike = { "s3:prefix" = ["${e.prefix}*"] } }
    } if e.prefix != ""],
    [for e in var.s3_read : { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${e.arn}/${e.prefix}*"] }],
    [for e in var.s3_write : {
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      Resource = ["${e.arn}/${e.prefix}*"]
    }],
    [for e in var.sqs_send : {
      Effect   = "Allow"
      Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
      Resource = [e.arn]
    }],
    [for e in var.secrets_read : {
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource = [e.arn]
    }],
    [for e in var.dynamodb_read : {
      Effect = "Allow"
      Action = [
        "dynamodb:BatchGetItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
      ]
      Resource = [e.arn, "${e.arn}/index/*"]
    }],
    [for e in var.dynamodb_write : {
      Effect = "Allow"
      Action = [
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
      ]
      Resource = [e.arn]
    }],
    [for e in var.kms_use : {
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource = [e.arn]
    }],
    [for e in var.ecr_pull : {
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = [e.arn]
    }],
    [for arns in [var.roles_to_assume[*].arn] : {
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = arns
    } if length(arns) > 0],
    # A registry's token is for all repositories; what can be pulled with it, the statements above decide.
    [for e in slice(var.ecr_pull, 0, min(1, length(var.ecr_pull))) : {
      Effect   = "Allow"
      Action   = ["ecr:GetAuthorizationToken"]
      Resource = ["*"]
    }],
  )

  # Keys that encrypt the resources above, for use through their services only. An upload in parts needs to decrypt the
  # parts before, SQS to decrypt the data key that it reuses, and DynamoDB to decrypt the table's key also for a write.
  keys = concat(
    [for e in var.s3_read : { arn = e.kms_key_arn, service = "s3", actions = ["kms:Decrypt"] }],
    [for e in var.s3_write : { arn = e.kms_key_arn, service = "s3", actions = ["kms:Decrypt", "kms:GenerateDataKey"] }],
    [for e in var.sqs_send : { arn = e.kms_key_arn, service = "sqs", actions = ["kms:Decrypt", "kms:GenerateDataKey"] }],
    [for e in var.secrets_read : { arn = e.kms_key_arn, service = "secretsmanager", actions = ["kms:Decrypt"] }],
    [for e in var.dynamodb_read : { arn = e.kms_key_arn, service = "dynamodb", actions = ["kms:Decrypt"] }],
    [for e in var.dynamodb_write : { arn = e.kms_key_arn, service = "dynamodb", actions = ["kms:Decrypt"] }],
  )

  statements = concat(
    local.granted,
    [for key in distinct(local.keys) : {
      Effect    = "Allow"
      Action    = key.actions
      Resource  = [key.arn]
      Condition = { StringLike = { "kms:ViaService" = ["${key.service}.${split(":", key.arn)[3]}.*"] } }
    } if key.arn != null],
    var.statements[*],
  )
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  description          = "Role that another account assumes"
  assume_role_policy   = var.trust_policy
  permissions_boundary = var.permissions_boundary
  max_session_duration = var.max_session_duration
  tags                 = var.tags
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
      error_message = "The policy has ${length(local.policy)} characters, and IAM allows 10,240. Split the grants into two roles."
    }
  }
}
