# A role for a CI job: its trust policy is built from the provider, the subjects and the audience.
variable "name" { type = string }

variable "path" {
  type    = string
  default = "/"
}

variable "provider_url" {
  type    = string
  default = "token.actions.githubusercontent.com"
}

variable "subjects" { type = list(string) }

variable "audience" {
  type    = string
  default = "sts.amazonaws.com"
}

resource "aws_iam_openid_connect_provider" "this" {
  url             = "https://${var.provider_url}"
  client_id_list  = [var.audience]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.this.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.provider_url}:aud"
      values   = [var.audience]
    }
    condition {
      test     = "StringLike"
      variable = "${var.provider_url}:sub"
      values   = formatlist("repo:%s", var.subjects)
    }
  }
}

resource "aws_iam_role" "this" {
  name               = var.name
  path               = var.path
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

output "arn" { value = aws_iam_role.this.arn }
output "name" { value = aws_iam_role.this.name }
