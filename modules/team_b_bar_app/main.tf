locals {
  # Role names may hold characters that names of functions and rules may not.
  function_name = coalesce(var.function_name, replace(var.role_name, "/[^0-9A-Za-z_-]/", "-"))

  targets = [
    for role in var.roles_to_assume : {
      role_arn    = role.arn
      external_id = role.external_id
      table_name  = role.variables["table_name"]
      region      = role.region
    }
  ]
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  description          = "Runs a Lambda function that assumes roles of other accounts"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "permissions" {
  statement {
    sid       = "WriteOwnLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = length(var.roles_to_assume) > 0 ? [1] : []

    content {
      sid       = "AssumeRoles"
      actions   = ["sts:AssumeRole"]
      resources = var.roles_to_assume[*].arn
    }
  }
}

resource "aws_iam_policy" "permissions" {
  name        = "${var.role_name}_permissions"
  path        = var.role_path
  description = "What the Lambda function may do"
  policy      = data.aws_iam_policy_document.permissions.json
}

resource "aws_iam_role_policy_attachment" "permissions" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.permissions.arn
}

resource "aws_lambda_function" "this" {
  function_name    = local.function_name
  description      = "Writes one item to each table it is let into"
  role             = aws_iam_role.this.arn
  runtime          = "python3.13"
  handler          = "handler.handler"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  timeout          = 30

  environment {
    variables = {
      TARGETS                    = jsonencode(local.targets)
      AWS_STS_REGIONAL_ENDPOINTS = "regional"
    }
  }

  lifecycle {
    precondition {
      # Lambda, "Lambda quotas": all names and values together. The other variables of the function take 41 of them.
      condition     = length(jsonencode(local.targets)) <= 4096 - 41
      error_message = "The ${length(local.targets)} roles to assume take ${length(jsonencode(local.targets))} bytes of the function's environment variables, and Lambda allows 4,055."
    }
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.permissions]
}

resource "aws_cloudwatch_event_rule" "schedule" {
  name                = local.function_name
  description         = "Fires the Lambda function of the same name"
  schedule_expression = var.schedule
}

resource "aws_lambda_permission" "schedule" {
  statement_id  = "AllowSchedule"
  function_name = aws_lambda_function.this.function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule.arn
}

resource "aws_cloudwatch_event_target" "schedule" {
  rule = aws_cloudwatch_event_rule.schedule.name
  arn  = aws_lambda_function.this.arn

  # The rule starts to fire once it has a target: everything else must be there by then.
  depends_on = [aws_lambda_permission.schedule]
}
