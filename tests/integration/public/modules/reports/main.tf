# No queue and no lifecycle rules: the provider waits up to a minute for each.
module "role" {
  source          = "../public/iam-role"
  name            = var.role_name
  use_name_prefix = false
  path            = var.role_path

  source_trust_policy_documents = [var.trust_policy]

  inline_policy_permissions = {
    Objects = { actions = ["s3:GetObject"], resources = ["${aws_s3_bucket.this.arn}/*"] }
    Key     = { actions = ["kms:Decrypt"], resources = [aws_kms_key.this.arn] }
    Topic   = { actions = ["sns:Publish"], resources = [aws_sns_topic.this.arn] }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  own_account = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EnableIAM"
      Effect    = "Allow"
      Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_key" "this" {
  description             = "of ${var.team}"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = local.own_account
  tags                    = { team = var.team }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.bucket}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  bucket        = var.bucket
  force_destroy = true
  tags          = { team = var.team }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id
  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration { status = "Enabled" }
}

data "aws_iam_policy_document" "secure" {
  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket     = aws_s3_bucket.this.id
  policy     = data.aws_iam_policy_document.secure.json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_object" "readme" {
  bucket     = aws_s3_bucket.this.id
  key        = "readme.txt"
  content    = "Reports of ${var.team}"
  depends_on = [aws_s3_bucket_server_side_encryption_configuration.this]
}

resource "aws_secretsmanager_secret" "this" {
  name                    = var.bucket
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 0
  tags                    = { team = var.team }
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = "not a secret of ${var.team}"
}

resource "aws_sns_topic" "this" {
  name = var.bucket
  tags = { team = var.team }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/acme/${var.bucket}"
  retention_in_days = 14
  tags              = { team = var.team }
}

output "role_arn" { value = module.role.arn }
