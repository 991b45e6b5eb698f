mock_provider "aws" {}

variables {
  role_name    = "reader"
  trust_policy = "{}"
}

run "each_short_form_grants_exactly_what_the_readme_says" {
  command = plan

  variables {
    s3_read        = [{ arn = "arn:aws:s3:::reports", prefix = "2026/" }]
    s3_write       = [{ arn = "arn:aws:s3:::inbox" }]
    sqs_send       = [{ arn = "arn:aws:sqs:us-west-2:111111111111:orders" }]
    secrets_read   = [{ arn = "arn:aws:secretsmanager:us-west-2:111111111111:secret:api-??????" }]
    dynamodb_read  = [{ arn = "arn:aws:dynamodb:us-west-2:111111111111:table/Stock" }]
    dynamodb_write = [{ arn = "arn:aws:dynamodb:us-west-2:111111111111:table/Orders" }]
    kms_use        = [{ arn = "arn:aws:kms:us-west-2:111111111111:key/k1" }]
    ecr_pull       = [{ arn = "arn:aws:ecr:us-west-2:111111111111:repository/team/app" }]
    statements     = [{ Effect = "Allow", Action = "sns:Publish", Resource = "arn:aws:sns:us-west-2:111111111111:done" }]
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.permissions[0].policy).Statement == [
      {
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:aws:s3:::reports"]
        Condition = { StringLike = { "s3:prefix" = ["2026/*"] } }
      },
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:aws:s3:::reports/2026/*"] },
      { Effect = "Allow", Action = ["s3:AbortMultipartUpload", "s3:PutObject"], Resource = ["arn:aws:s3:::inbox/*"] },
      {
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
        Resource = ["arn:aws:sqs:us-west-2:111111111111:orders"]
      },
      {
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        Resource = ["arn:aws:secretsmanager:us-west-2:111111111111:secret:api-??????"]
      },
      {
        Effect = "Allow"
        Action = [
          "dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan",
        ]
        Resource = [
          "arn:aws:dynamodb:us-west-2:111111111111:table/Stock",
          "arn:aws:dynamodb:us-west-2:111111111111:table/Stock/index/*",
        ]
      },
      {
        Effect = "Allow"
        Action = [
          "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:PutItem", "dynamodb:UpdateItem",
        ]
        Resource = ["arn:aws:dynamodb:us-west-2:111111111111:table/Orders"]
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource = ["arn:aws:kms:us-west-2:111111111111:key/k1"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:aws:ecr:us-west-2:111111111111:repository/team/app"]
      },
      { Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      { Effect = "Allow", Action = "sns:Publish", Resource = "arn:aws:sns:us-west-2:111111111111:done" },
    ]
    error_message = aws_iam_role_policy.permissions[0].policy
  }
}

run "a_key_is_usable_through_its_service_only" {
  command = plan

  variables {
    s3_read        = [{ arn = "arn:aws:s3:::reports", kms_key_arn = "arn:aws:kms:us-west-2:111111111111:key/k" }]
    s3_write       = [{ arn = "arn:aws:s3:::inbox", kms_key_arn = "arn:aws:kms:us-west-2:111111111111:key/k" }]
    sqs_send       = [{ arn = "arn:aws-cn:sqs:cn-north-1:111111111111:q", kms_key_arn = "arn:aws-cn:kms:cn-north-1:111111111111:key/k" }]
    dynamodb_write = [{ arn = "arn:aws:dynamodb:us-west-2:111111111111:table/T", kms_key_arn = "arn:aws:kms:us-west-2:111111111111:key/k" }]
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.permissions[0].policy).Statement : [s.Action, s.Resource[0], s.Condition.StringLike["kms:ViaService"][0]]
      if can(s.Condition.StringLike["kms:ViaService"])
      ] == [
      [["kms:Decrypt"], "arn:aws:kms:us-west-2:111111111111:key/k", "s3.us-west-2.*"],
      [["kms:Decrypt", "kms:GenerateDataKey"], "arn:aws:kms:us-west-2:111111111111:key/k", "s3.us-west-2.*"],
      [["kms:Decrypt", "kms:GenerateDataKey"], "arn:aws-cn:kms:cn-north-1:111111111111:key/k", "sqs.cn-north-1.*"],
      [["kms:Decrypt"], "arn:aws:kms:us-west-2:111111111111:key/k", "dynamodb.us-west-2.*"],
    ]
    error_message = aws_iam_role_policy.permissions[0].policy
  }
}

run "a_role_on_both_sides_may_assume_the_others" {
  command = plan

  variables {
    roles_to_assume = [
      { role = "one", arn = "arn:aws:iam::222222222222:role/one", region = "us-west-2", variables = {} },
      { role = "two", arn = "arn:aws:iam::333333333333:role/two", region = "us-west-2", variables = { a = "b" } },
    ]
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.permissions[0].policy).Statement == [{
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = ["arn:aws:iam::222222222222:role/one", "arn:aws:iam::333333333333:role/two"]
    }]
    error_message = aws_iam_role_policy.permissions[0].policy
  }
}

run "nothing_granted_is_no_policy" {
  command = plan

  assert {
    condition     = length(aws_iam_role_policy.permissions) == 0
    error_message = "There is a policy."
  }
}

run "the_role_has_what_it_is_given" {
  command = plan

  variables {
    role_path            = "/team/"
    permissions_boundary = "arn:aws:iam::111111111111:policy/boundary"
    tags                 = { owner = "a" }
    max_session_duration = 7200
  }

  assert {
    condition = [
      aws_iam_role.this.name, aws_iam_role.this.path, aws_iam_role.this.assume_role_policy, aws_iam_role.this.tags["owner"],
      aws_iam_role.this.permissions_boundary, aws_iam_role.this.max_session_duration,
    ] == ["reader", "/team/", "{}", "a", "arn:aws:iam::111111111111:policy/boundary", 7200]
    error_message = "An argument of the role is not what the variable says."
  }
}

run "all_actions" {
  command = plan
  variables {
    statements = [{ Effect = "Allow", Action = ["sns:Publish", "*"], Resource = "arn:aws:sns:us-west-2:111111111111:done" }]
  }
  expect_failures = [var.statements]
}

run "all_actions_of_a_service_on_all_resources" {
  command = plan
  variables {
    statements = [{ Effect = "Allow", Action = ["s3:*"], Resource = ["*"] }]
  }
  expect_failures = [var.statements]
}

run "some_actions_on_all_resources_of_a_service" {
  command = plan
  variables {
    statements = [{ Effect = "Allow", Action = "s3:Get*", Resource = ["arn:aws:s3:::*"] }]
  }
  expect_failures = [var.statements]
}

run "all_actions_but_some" {
  command = plan
  variables {
    statements = [{ Effect = "Allow", NotAction = ["iam:*"], Resource = ["arn:aws:s3:::b"] }]
  }
  expect_failures = [var.statements]
}

run "a_misspelt_element" {
  command = plan
  variables {
    statements = [{ Effect = "Allow", Actions = ["s3:GetObject"], Resource = ["arn:aws:s3:::b/*"] }]
  }
  expect_failures = [var.statements]
}

run "a_deny_of_everything_without_tls_is_fine" {
  command = plan
  variables {
    statements = [{ Effect = "Deny", Action = "*", Resource = "*", Condition = { Bool = { "aws:SecureTransport" = "false" } } }]
  }
  assert {
    condition     = length(aws_iam_role_policy.permissions) == 1
    error_message = "The Deny is missing."
  }
}

run "a_wildcard_in_the_arn_of_a_bucket" {
  command = plan
  variables {
    s3_read = [{ arn = "arn:aws:s3:::*" }]
  }
  expect_failures = [var.s3_read]
}

run "a_policy_that_is_too_long" {
  command = plan
  variables {
    sqs_send = [for n in range(100) : { arn = "arn:aws:sqs:us-west-2:111111111111:a-queue-with-a-rather-long-name-${n}" }]
  }
  expect_failures = [aws_iam_role_policy.permissions]
}

run "what_is_granted_is_probed_and_something_else_must_be_refused" {
  command = plan

  variables {
    s3_read        = [{ arn = "arn:aws:s3:::reports", prefix = "2026/" }]
    sqs_send       = [{ arn = "arn:aws:sqs:us-west-2:111111111111:orders" }]
    secrets_read   = [{ arn = "arn:aws:secretsmanager:us-west-2:111111111111:secret:api-??????" }]
    dynamodb_write = [{ arn = "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", hash_key = "Id" }]
    probe          = [{ action = "s3:GetObject", arn = "arn:aws:s3:::reports/2026/june", expect = "allowed" }]
  }

  assert {
    condition = [for call in output.probe.calls : [call.expect, call.action, call.arn, try(call.hash_key, "")]] == [
      ["allowed", "s3:ListBucket", "arn:aws:s3:::reports/2026/", ""],
      ["allowed", "sqs:GetQueueAttributes", "arn:aws:sqs:us-west-2:111111111111:orders", ""],
      ["allowed", "dynamodb:DescribeTable", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", ""],
      ["allowed", "dynamodb:PutItem", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", "Id"],
      ["refused", "s3:ListBucket", "arn:aws:s3:::reports", ""],
      ["refused", "s3:GetBucketLocation", "arn:aws:s3:::reports", ""],
      ["refused", "sqs:ListQueueTags", "arn:aws:sqs:us-west-2:111111111111:orders", ""],
      ["refused", "dynamodb:Scan", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", ""],
      [
        "refused", "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:us-west-2:111111111111:secret:tfdriver-not-granted-000000", "",
      ],
      ["allowed", "s3:GetObject", "arn:aws:s3:::reports/2026/june", ""],
    ]
    error_message = jsonencode(output.probe)
  }
}

run "what_statements_may_grant_is_not_expected_to_be_refused" {
  command = plan

  variables {
    s3_read    = [{ arn = "arn:aws:s3:::reports" }]
    statements = [{ Effect = "Allow", Action = "s3:GetBucketLocation", Resource = "arn:aws:s3:::reports" }]
  }

  assert {
    condition     = [for call in output.probe.calls : [call.expect, call.arn]] == [["allowed", "arn:aws:s3:::reports"]]
    error_message = jsonencode(output.probe)
  }
}
