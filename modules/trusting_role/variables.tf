variable "role_name" {
  description = "Name of the IAM role that another account assumes."
  type        = string
}

variable "role_path" {
  description = "Path of the IAM role; begins and ends with a slash."
  type        = string
  default     = "/"
}

variable "trust_policy" {
  description = "Who may assume the role: a JSON policy document, used as it is."
  type        = string
}

variable "roles_to_assume" {
  description = "For a role that is also trusted: the roles that it may assume; see ../README.md."
  type        = list(object({ arn = string }))
  default     = []
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
  description = "Seconds that a session of the role may last, 3600 to 43200. A role that assumes it gets an hour at most."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_session_duration >= 3600 && var.max_session_duration <= 43200
    error_message = "IAM allows 3600 to 43200 seconds (1 to 12 hours)."
  }
}

variable "statements" {
  description = "IAM policy statements as in JSON, for what the short forms below do not cover."
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

variable "s3_read" {
  description = "Buckets to list and to read objects from, below `prefix` (\"\" for all). kms_key_arn: the bucket's KMS key, if any."
  type = list(object({
    arn         = string
    prefix      = optional(string, "")
    kms_key_arn = optional(string)
  }))
  default = []

  validation {
    condition     = alltrue([for e in var.s3_read : can(regex("^arn:[^:]+:s3:::[^/*?]+$", e.arn)) && !can(regex("[*?]", e.prefix))])
    error_message = "Each entry needs a bucket's ARN (arn:aws:s3:::NAME). A prefix has no wildcard: `reports/`, not `reports/*`."
  }
}

variable "s3_write" {
  description = "Buckets to put objects into, below `prefix`. Neither reads nor deletes. kms_key_arn: the bucket's KMS key, if any."
  type = list(object({
    arn         = string
    prefix      = optional(string, "")
    kms_key_arn = optional(string)
  }))
  default = []

  validation {
    condition     = alltrue([for e in var.s3_write : can(regex("^arn:[^:]+:s3:::[^/*?]+$", e.arn)) && !can(regex("[*?]", e.prefix))])
    error_message = "Each entry needs a bucket's ARN (arn:aws:s3:::NAME). A prefix has no wildcard: `reports/`, not `reports/*`."
  }
}

variable "sqs_send" {
  description = "Queues to send messages to. kms_key_arn: the queue's KMS key, if any."
  type        = list(object({ arn = string, kms_key_arn = optional(string) }))
  default     = []

  validation {
    condition     = alltrue([for e in var.sqs_send : can(regex("^arn:[^:]+:sqs:[^:*?]+:[0-9]{12}:[^:*?]+$", e.arn))])
    error_message = "Each entry needs a queue's ARN: arn:aws:sqs:REGION:ACCOUNT:NAME."
  }
}

variable "secrets_read" {
  description = "Secrets whose values to read. kms_key_arn: the secret's KMS key, if any."
  type        = list(object({ arn = string, kms_key_arn = optional(string) }))
  default     = []

  validation {
    condition = alltrue([
      for e in var.secrets_read : can(regex("^arn:[^:]+:secretsmanager:[^:*?]+:[0-9]{12}:secret:[^:*?]+(-[?]{6})?$", e.arn))
    ])
    error_message = "Each entry needs a secret's ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX, with ?????? for an unknown suffix."
  }
}

variable "dynamodb_read" {
  description = "Tables to read items from, also by their indexes. kms_key_arn: the table's KMS key, if any; hash_key: for probes."
  type        = list(object({ arn = string, kms_key_arn = optional(string), hash_key = optional(string) }))
  default     = []

  validation {
    condition     = alltrue([for e in var.dynamodb_read : can(regex("^arn:[^:]+:dynamodb:[^:*?]+:[0-9]{12}:table/[^/*?]+$", e.arn))])
    error_message = "Each entry needs a table's ARN: arn:aws:dynamodb:REGION:ACCOUNT:table/NAME."
  }
}

variable "dynamodb_write" {
  description = "Tables to put, update and delete items in, without reading. kms_key_arn: the table's KMS key, if any; hash_key: for probes."
  type        = list(object({ arn = string, kms_key_arn = optional(string), hash_key = optional(string) }))
  default     = []

  validation {
    condition     = alltrue([for e in var.dynamodb_write : can(regex("^arn:[^:]+:dynamodb:[^:*?]+:[0-9]{12}:table/[^/*?]+$", e.arn))])
    error_message = "Each entry needs a table's ARN: arn:aws:dynamodb:REGION:ACCOUNT:table/NAME."
  }
}

variable "kms_use" {
  description = "KMS keys to encrypt and decrypt with, in calls of KMS itself."
  type        = list(object({ arn = string }))
  default     = []

  validation {
    condition     = alltrue([for e in var.kms_use : can(regex("^arn:[^:]+:kms:[^:*?]+:[0-9]{12}:key/[^*?]+$", e.arn))])
    error_message = "Each entry needs a key's ARN, not an alias: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "ecr_pull" {
  description = "ECR repositories to pull images from."
  type        = list(object({ arn = string }))
  default     = []

  validation {
    condition     = alltrue([for e in var.ecr_pull : can(regex("^arn:[^:]+:ecr:[^:*?]+:[0-9]{12}:repository/[^*?]+$", e.arn))])
    error_message = "Each entry needs a repository's ARN: arn:aws:ecr:REGION:ACCOUNT:repository/NAME."
  }
}

variable "probe" {
  description = "Further calls for `tfdriver verify`, see ../README.md: e.g. s3:GetObject on a key that exists."
  type        = list(object({ action = string, arn = string, expect = string, hash_key = optional(string) }))
  default     = []

  validation {
    condition     = alltrue([for call in var.probe : contains(["allowed", "refused"], call.expect)])
    error_message = "A call is expected to be allowed or refused."
  }
}
