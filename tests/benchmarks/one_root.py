"""Writes the one root module that a person with the credentials of all accounts would write."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.benchmarks.projects import PROJECT, REGION, REPOSITORY, TRUSTED, Member, trusting

_HEAD = """\
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}
"""
_PROVIDER = """
provider "aws" {{
  alias               = "{m.account}"
  profile             = "{m.account}"
  region              = "{region}"
  allowed_account_ids = ["{m.id}"]

  default_tags {{
    tags = {{ project = "{project}" }}
  }}
}}
"""
# The reference to module.bar orders the two roles: Terraform creates the trusted role first.
_TRUSTING = """
module "{m.role}" {{
  source     = "./modules/team_a_foo_ddb"
  providers  = {{ aws = aws.{m.account} }}
  role_name  = "{m.role}"
  table_name = "TestTable"

  trust_policy = jsonencode({{
    Version   = "2012-10-17"
    Statement = [{{ Effect = "Allow", Principal = {{ AWS = [module.bar.role_arn] }}, Action = "sts:AssumeRole" }}]
  }})
}}
"""
_TRUSTED = """
module "bar" {{
  source          = "./modules/team_b_bar_app"
  providers       = {{ aws = aws.{account} }}
  role_name       = "bar"
  package         = "bar.zip"
  roles_to_assume = {roles}
}}
"""


def write_one_root(folder: Path, count: int) -> None:
    """Write the root module and its modules into a new folder. count: of trusting accounts."""
    folder.mkdir(parents=True)
    shutil.copytree(REPOSITORY / "modules", folder / "modules")
    shutil.copy(REPOSITORY / "compositions/account_b/bar.zip", folder)
    members = trusting(count)
    providers = [_PROVIDER.format(m=m, region=REGION, project=PROJECT) for m in (*members, TRUSTED)]
    roles = _TRUSTED.format(account=TRUSTED.account, roles=json.dumps([_to_assume(m) for m in members], indent=2))
    (folder / "main.tf").write_text("".join([_HEAD, *providers, *(_TRUSTING.format(m=m) for m in members), roles]))


def _to_assume(member: Member) -> dict[str, object]:
    return {"role": member.role, "arn": member.arn, "region": REGION, "variables": {"table_name": "TestTable"}}
