variable "role_name" {
  description = "Name of the IAM role that assumes roles of other accounts."
  type        = string
}

variable "role_path" {
  description = "Path of the IAM role; begins and ends with a slash."
  type        = string
  default     = "/"
}

variable "roles_to_assume" {
  description = "The roles that this role may assume; see ../README.md."
  type = list(object({
    role        = string
    arn         = string
    external_id = optional(string)
    region      = string
    variables   = map(string)
  }))
}

variable "service" {
  description = "The AWS service whose workload has the role: ec2, ecs (a task), eks (pod identity) or lambda; null with `oidc`."
  type        = string
  default     = null

  validation {
    condition     = var.service == null || can(regex("^(ec2|ecs|eks|lambda)$", var.service))
    error_message = "The service is ec2, ecs, eks or lambda."
  }
}

variable "oidc" {
  description = <<-EOT
    The OpenID Connect provider whose tokens get the role; null with `service`. provider_arn: of an existing provider; url:
    of a provider to create instead, e.g. https://gitlab.com; audience: `aud` of the tokens; subjects: their `sub`.
  EOT
  type = object({
    provider_arn = optional(string)
    url          = optional(string)
    audience     = string
    subjects     = list(string)
  })
  default = null

  validation {
    condition     = var.oidc == null || length(compact([try(var.oidc.provider_arn, null), try(var.oidc.url, null)])) == 1
    error_message = "Give provider_arn of an existing provider, or url of one to create."
  }

  validation {
    condition = var.oidc == null || try(var.oidc.provider_arn == null || can(
      regex("^arn:[^:]+:iam::[0-9]{12}:oidc-provider/[^*?]+$", var.oidc.provider_arn)
    ), true)
    error_message = "provider_arn is arn:aws:iam::ACCOUNT:oidc-provider/HOST."
  }

  validation {
    condition     = var.oidc == null || try(var.oidc.url == null || can(regex("^https://[^*?#]+[^*?#/]$", var.oidc.url)), true)
    error_message = "url begins with https:// and has no slash at its end."
  }

  validation {
    condition     = var.oidc == null || try(var.oidc.audience != "" && !can(regex("[*?]", var.oidc.audience)), false)
    error_message = "audience is the exact `aud` of the tokens: sts.amazonaws.com for GitHub's action, what `id_tokens` says for GitLab."
  }

  validation {
    condition = var.oidc == null || try(length(var.oidc.subjects) > 0 && alltrue([
      for sub in var.oidc.subjects : sub != "" && !can(regex("[*?]", sub)) || can(regex("^[a-z_]+:[^:*?]+/[^:*?]+:[^:*?]+:", sub))
    ]), false)
    error_message = <<-EOT
      Each subject names a repository, and after it what may run: repo:acme/app:ref:refs/heads/main or
      project_path:acme/app:ref_type:branch:ref:main. A wildcard may stand only after that: repo:acme/app:ref:refs/tags/*.
    EOT
  }
}

variable "probe_by" {
  description = "ARN of the operator's role or user, which may then assume this role for `tfdriver verify`; null for nobody."
  type        = string
  default     = null

  validation {
    condition     = var.probe_by == null || can(regex("^arn:[^:]+:iam::[0-9]{12}:(role|user)/[^*?]+$", var.probe_by))
    error_message = "The ARN is of a role or a user: arn:aws:iam::ACCOUNT:role/NAME."
  }
}

variable "statements" {
  description = "IAM policy statements as in JSON: what the role may do besides assuming `roles_to_assume`."
  type        = any
  default     = []

  validation {
    condition = try(alltrue([
      for s in var.statements : contains(["Allow", "Deny"], s.Effect)
      && length(setsubtract(keys(s), ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"])) == 0
      && (can(s.Action) || can(s.NotAction)) && (can(s.Resource) || can(s.NotResource))
    ]), false)
    error_message = "Each statement needs Effect (Allow or Deny), Action and Resource, and may have Sid and Condition."
  }

  validation {
    condition     = !anytrue([for s in var.statements : can(s.NotAction) || can(s.NotResource) if try(s.Effect, "") == "Allow"])
    error_message = "An Allow with NotAction or NotResource allows nearly everything: name the actions and the resources."
  }

  validation {
    condition = alltrue(flatten([
      for s in var.statements : [
        for action in flatten([try(s.Action, [])]) : !can(regex("^[*?:]+$", action)) && !(can(regex("[*?]", action)) && anytrue([
          for arn in flatten([try(s.Resource, [])]) : can(regex("^([*?]+|arn(:[^:]*){4}:[*?]+)$", arn))
        ]))
      ] if try(s.Effect, "") == "Allow"
    ]))
    error_message = "An Allow has the action `*`, or a wildcard in its actions together with all resources: name one of both."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role's permissions; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role, besides those of the provider."
  type        = map(string)
  default     = {}
}

variable "max_session_duration" {
  description = "Seconds that a session of the role may last, 3600 to 43200."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_session_duration >= 3600 && var.max_session_duration <= 43200
    error_message = "IAM allows 3600 to 43200 seconds (1 to 12 hours)."
  }
}
