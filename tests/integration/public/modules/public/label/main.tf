# Rewrites names: joins the parts, lowers them and removes other characters.
variable "enabled" {
  type    = bool
  default = true
}

variable "parts" { type = list(string) }

variable "tags" {
  type    = map(string)
  default = {}
}

locals {
  id = replace(lower(join("-", compact(var.parts))), "/[^a-z0-9-]/", "")
}

output "enabled" { value = var.enabled }
output "id" { value = var.enabled ? local.id : "" }
output "tags" { value = merge({ Name = local.id }, var.tags) }
