# A role with a prefix by default, a trust policy from documents, one inline policy and a map of managed policies.
variable "create" {
  type    = bool
  default = true
}

variable "name" { type = string }

variable "use_name_prefix" {
  type    = bool
  default = true
}

variable "path" {
  type    = string
  default = null
}

variable "source_trust_policy_documents" {
  type    = list(string)
  default = []
}

variable "inline_policy_permissions" {
  type    = map(object({ actions = list(string), resources = list(string) }))
  default = null
}

variable "policies" {
  type    = map(string)
  default = {}
}

data "aws_iam_policy_document" "trust" {
  count                   = var.create ? 1 : 0
  source_policy_documents = var.source_trust_policy_documents
}

resource "aws_iam_role" "this" {
  count                 = var.create ? 1 : 0
  name                  = var.use_name_prefix ? null : var.name
  name_prefix           = var.use_name_prefix ? "${var.name}-" : null
  path                  = var.path
  description           = "Created by a module in the shape of a public one"
  max_session_duration  = 7200
  force_detach_policies = true
  assume_role_policy    = data.aws_iam_policy_document.trust[0].json
}

data "aws_iam_policy_document" "inline" {
  count = var.create && var.inline_policy_permissions != null ? 1 : 0

  dynamic "statement" {
    for_each = var.inline_policy_permissions
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

resource "aws_iam_role_policy" "inline" {
  count       = var.create && var.inline_policy_permissions != null ? 1 : 0
  role        = aws_iam_role.this[0].name
  name        = var.use_name_prefix ? null : var.name
  name_prefix = var.use_name_prefix ? "${var.name}-" : null
  policy      = data.aws_iam_policy_document.inline[0].json
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each   = { for name, arn in var.policies : name => arn if var.create }
  role       = aws_iam_role.this[0].name
  policy_arn = each.value
}

output "arn" { value = try(aws_iam_role.this[0].arn, null) }
output "name" { value = try(aws_iam_role.this[0].name, null) }
