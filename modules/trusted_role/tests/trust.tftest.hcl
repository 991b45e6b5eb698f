mock_provider "aws" {
  override_data {
    target = data.aws_caller_identity.this
    values = { account_id = "222222222222" }
  }
  override_data {
    target = data.aws_partition.this
    values = { partition = "aws" }
  }
}

variables {
  role_name = "caller"
  roles_to_assume = [
    { role = "one", arn = "arn:aws:iam::111111111111:role/one", region = "us-west-2", variables = {} },
    { role = "two", arn = "arn:aws:iam::333333333333:role/two", region = "us-west-2", variables = {} },
  ]
}

run "an_instance_has_a_profile" {
  command = plan

  variables {
    service   = "ec2"
    role_path = "/team/"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
      { Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { Service = "ec2.amazonaws.com" } },
    ]
    error_message = aws_iam_role.this.assume_role_policy
  }

  assert {
    condition     = [output.instance_profile_name, aws_iam_instance_profile.this[0].path] == ["caller", "/team/"] && output.oidc_provider_arn == null
    error_message = "The instance profile is not the role's."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.permissions[0].policy).Statement == [{
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = ["arn:aws:iam::111111111111:role/one", "arn:aws:iam::333333333333:role/two"]
    }]
    error_message = aws_iam_role_policy.permissions[0].policy
  }
}

run "a_task_is_of_the_own_account" {
  command = plan

  variables {
    service  = "ecs"
    probe_by = "arn:aws:iam::222222222222:role/operator"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
      {
        Effect    = "Allow"
        Action    = ["sts:AssumeRole"]
        Principal = { Service = "ecs-tasks.amazonaws.com" }
        Condition = { StringEquals = { "aws:SourceAccount" = "222222222222" } }
      },
      { Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { AWS = "arn:aws:iam::222222222222:role/operator" } },
    ]
    error_message = aws_iam_role.this.assume_role_policy
  }
}

run "a_pod_passes_on_its_session_tags" {
  command = plan

  variables {
    service    = "eks"
    statements = [{ Effect = "Allow", Action = "sns:Publish", Resource = "arn:aws:sns:us-west-2:222222222222:done" }]
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Action == ["sts:AssumeRole", "sts:TagSession"]
    error_message = aws_iam_role.this.assume_role_policy
  }

  assert {
    condition     = flatten(jsondecode(aws_iam_role_policy.permissions[0].policy).Statement[*].Action) == ["sts:AssumeRole", "sts:TagSession", "sns:Publish"]
    error_message = aws_iam_role_policy.permissions[0].policy
  }
}

run "github_with_a_provider_that_exists" {
  command = plan

  variables {
    oidc = {
      provider_arn = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"
      audience     = "sts.amazonaws.com"
      subjects     = ["repo:acme/app:ref:refs/heads/main", "repo:acme/app:environment:prod"]
    }
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Principal = { Federated = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com" }
      Condition = {
        StringEquals = { "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com" }
        StringLike = {
          "token.actions.githubusercontent.com:sub" = ["repo:acme/app:ref:refs/heads/main", "repo:acme/app:environment:prod"]
        }
      }
    }]
    error_message = aws_iam_role.this.assume_role_policy
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0
    error_message = "The provider exists already."
  }
}

run "gitlab_with_a_new_provider" {
  command = plan

  variables {
    roles_to_assume = []
    oidc = {
      url      = "https://gitlab.example.com/sub"
      audience = "https://gitlab.example.com"
      subjects = ["project_path:group/sub/app:ref_type:branch:ref:release-*"]
    }
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Principal = { Federated = "arn:aws:iam::222222222222:oidc-provider/gitlab.example.com/sub" }
      Condition = {
        StringEquals = { "gitlab.example.com/sub:aud" = "https://gitlab.example.com" }
        StringLike   = { "gitlab.example.com/sub:sub" = ["project_path:group/sub/app:ref_type:branch:ref:release-*"] }
      }
    }]
    error_message = aws_iam_role.this.assume_role_policy
  }

  assert {
    condition     = aws_iam_openid_connect_provider.this[0].client_id_list == toset(["https://gitlab.example.com"])
    error_message = "The provider has another audience."
  }

  assert {
    condition     = length(aws_iam_role_policy.permissions) == 0
    error_message = "A role without anything to do has a policy."
  }
}

run "neither_a_service_nor_a_provider" {
  command         = plan
  expect_failures = [aws_iam_role.this]
}

run "both_a_service_and_a_provider" {
  command = plan
  variables {
    service = "ec2"
    oidc    = { url = "https://gitlab.com", audience = "a", subjects = ["project_path:a/b:ref_type:branch:ref:main"] }
  }
  expect_failures = [aws_iam_role.this]
}

run "every_subject" {
  command = plan
  variables {
    oidc = { url = "https://token.actions.githubusercontent.com", audience = "sts.amazonaws.com", subjects = ["*"] }
  }
  expect_failures = [var.oidc]
}

run "every_repository" {
  command = plan
  variables {
    oidc = { url = "https://token.actions.githubusercontent.com", audience = "sts.amazonaws.com", subjects = ["repo:*"] }
  }
  expect_failures = [var.oidc]
}

run "every_repository_of_an_organization" {
  command = plan
  variables {
    oidc = { url = "https://token.actions.githubusercontent.com", audience = "sts.amazonaws.com", subjects = ["repo:acme/*:ref:refs/heads/main"] }
  }
  expect_failures = [var.oidc]
}

run "everything_in_a_repository" {
  command = plan
  variables {
    oidc = { url = "https://token.actions.githubusercontent.com", audience = "sts.amazonaws.com", subjects = ["repo:acme/app:*"] }
  }
  expect_failures = [var.oidc]
}

run "no_subject" {
  command = plan
  variables {
    oidc = { url = "https://token.actions.githubusercontent.com", audience = "sts.amazonaws.com", subjects = [] }
  }
  expect_failures = [var.oidc]
}

run "an_empty_audience" {
  command = plan
  variables {
    oidc = { url = "https://token.actions.githubusercontent.com", audience = "", subjects = ["repo:acme/app:ref:refs/heads/main"] }
  }
  expect_failures = [var.oidc]
}

run "no_provider" {
  command = plan
  variables {
    oidc = { audience = "sts.amazonaws.com", subjects = ["repo:acme/app:ref:refs/heads/main"] }
  }
  expect_failures = [var.oidc]
}

run "an_operator_with_a_wildcard" {
  command = plan
  variables {
    service  = "ec2"
    probe_by = "arn:aws:iam::222222222222:role/*"
  }
  expect_failures = [var.probe_by]
}
