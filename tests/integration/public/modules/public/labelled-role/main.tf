# A role whose name comes from a label module and whose trust policy is built from principals and conditions.
variable "enabled" {
  type    = bool
  default = true
}

variable "parts" { type = list(string) }

variable "path" {
  type    = string
  default = "/"
}

variable "principals" {
  type    = map(list(string))
  default = {}
}

variable "assume_role_actions" {
  type    = list(string)
  default = ["sts:AssumeRole", "sts:TagSession"]
}

variable "assume_role_conditions" {
  type    = list(object({ test = string, variable = string, values = list(string) }))
  default = []
}

variable "policy_documents" {
  type    = list(string)
  default = []
}

variable "managed_policy_arns" {
  type    = set(string)
  default = []
}

module "label" {
  source  = "../label"
  enabled = var.enabled
  parts   = var.parts
}

data "aws_iam_policy_document" "trust" {
  for_each = var.principals

  statement {
    actions = var.assume_role_actions
    principals {
      type        = each.key
      identifiers = each.value
    }
    dynamic "condition" {
      for_each = var.assume_role_conditions
      content {
        test     = condition.value.test
        variable = condition.value.variable
        values   = condition.value.values
      }
    }
  }
}

data "aws_iam_policy_document" "all_trusts" {
  override_policy_documents = [for document in data.aws_iam_policy_document.trust : document.json]
}

data "aws_iam_policy_document" "permissions" {
  override_policy_documents = var.policy_documents
}

resource "aws_iam_role" "this" {
  count              = module.label.enabled ? 1 : 0
  name               = module.label.id
  path               = var.path
  assume_role_policy = data.aws_iam_policy_document.all_trusts.json
  tags               = module.label.tags
}

resource "aws_iam_policy" "this" {
  count  = module.label.enabled && length(var.policy_documents) > 0 ? 1 : 0
  name   = module.label.id
  path   = var.path
  policy = data.aws_iam_policy_document.permissions.json
  tags   = module.label.tags
}

resource "aws_iam_role_policy_attachment" "this" {
  count      = length(aws_iam_policy.this)
  role       = aws_iam_role.this[0].name
  policy_arn = aws_iam_policy.this[0].arn
}

resource "aws_iam_role_policy_attachment" "managed" {
  for_each   = module.label.enabled ? var.managed_policy_arns : []
  role       = aws_iam_role.this[0].name
  policy_arn = each.key
}

output "arn" { value = one(aws_iam_role.this[*].arn) }
