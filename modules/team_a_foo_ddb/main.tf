locals {
  hash_key = "MyPrimaryKey"
  granted  = ["dynamodb:PutItem"]
}

resource "aws_dynamodb_table" "this" {
  name           = var.table_name
  billing_mode   = "PROVISIONED"
  read_capacity  = var.read_capacity
  write_capacity = var.write_capacity
  hash_key       = local.hash_key

  attribute {
    name = local.hash_key
    type = "S"
  }
}

data "aws_iam_policy_document" "permissions" {
  statement {
    sid       = "WriteItems"
    actions   = local.granted
    resources = [aws_dynamodb_table.this.arn]
  }
}

resource "aws_iam_policy" "permissions" {
  name        = "${var.role_name}_permissions"
  path        = var.role_path
  description = "What the role of the same name may do with its table"
  policy      = data.aws_iam_policy_document.permissions.json
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  description          = "Lets another account write to a table"
  assume_role_policy   = var.trust_policy
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "permissions" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.permissions.arn
}
