data "aws_region" "this" {}

locals {
  # What the short forms grant, as calls that change nothing.
  granted_calls = concat(
    [for e in var.s3_read : { action = "s3:ListBucket", arn = e.prefix == "" ? e.arn : "${e.arn}/${e.prefix}" }],
    [for e in var.sqs_send : { action = "sqs:GetQueueAttributes", arn = e.arn }],
    [for e in var.secrets_read : { action = "secretsmanager:GetSecretValue", arn = e.arn } if !endswith(e.arn, "?")],
    [for e in var.dynamodb_read : { action = "dynamodb:Scan", arn = e.arn }],
    [for e in var.dynamodb_write : { action = "dynamodb:DescribeTable", arn = e.arn }],
    [for e in var.dynamodb_write : { action = "dynamodb:PutItem", arn = e.arn, hash_key = e.hash_key } if e.hash_key != null],
    [for e in var.kms_use : { action = "kms:Encrypt", arn = e.arn }],
    [for e in var.ecr_pull : { action = "ecr:BatchGetImage", arn = e.arn }],
  )

  # What no short form grants on the same resource, or on another of the same account. An Allow in `statements` may grant
  # it: then only `probe` says what must be refused.
  other_calls = concat(
    [for arn in setsubtract(var.s3_read[*].arn, [for e in var.s3_read : e.arn if e.prefix == ""]) : { action = "s3:ListBucket", arn = arn }],
    [for arn in distinct(concat(var.s3_read[*].arn, var.s3_write[*].arn)) : { action = "s3:GetBucketLocation", arn = arn }],
    [for e in var.sqs_send : { action = "sqs:ListQueueTags", arn = e.arn }],
    [for e in var.dynamodb_read : { action = "dynamodb:PutItem", arn = e.arn, hash_key = e.hash_key }
    if e.hash_key != null && !contains(var.dynamodb_write[*].arn, e.arn)],
    [for e in var.dynamodb_write : { action = "dynamodb:Scan", arn = e.arn } if !contains(var.dynamodb_read[*].arn, e.arn)],
    [for e in var.ecr_pull : { action = "ecr:DescribeRepositories", arn = e.arn }],
    [for place in distinct([
      for e in concat(var.secrets_read, var.dynamodb_read, var.kms_use) : regex("^(arn:[^:]+):[^:]+(:[^:]+:[0-9]+:)", e.arn)
      ]) : {
      action = "secretsmanager:GetSecretValue"
      arn    = "${place[0]}:secretsmanager${place[1]}secret:tfdriver-not-granted-000000"
    }],
  )

  calls = [for call in concat(
    [for call in local.granted_calls : merge(call, { expect = "allowed" })],
    [for call in local.other_calls : merge(call, { expect = "refused" }) if !anytrue([for s in var.statements : s.Effect == "Allow"])],
    var.probe,
  ) : { for name, value in call : name => value if value != null }]
}
