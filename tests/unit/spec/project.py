"""A small valid project for tests to change."""

from __future__ import annotations

from pathlib import Path

from tfdriver.iam.phase_trusts import refuse_long_policies
from tfdriver.spec.load import load_spec
from tfdriver.spec.model import Spec

REGIONS = {
    "us-west-2": "aws",
    "eu-west-1": "aws",
    "us-east-1": "aws",
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
}
PROFILE_REGIONS = {"with_region": "eu-west-1", "with_odd_region": "mars-north-1"}

GOOD = """\
version: 1
project: shop
accounts:
  store:
    id: "111111111111"
    region: us-west-2
  app:
    id: "222222222222"
    region: eu-west-1
roles:
  writer:
    account: store
    module: table
    variables: {table_name: Orders}
    trusts: [worker]
  worker:
    account: app
    module: function
"""

TABLE = """\
variable "role_name" { type = string }
variable "role_path" { type = string }
variable "trust_policy" { type = string }

variable "table_name" {
  type = string
}

variable "read_capacity" {
  type    = number
  default = 5
}

variable "protected" {
  type    = bool
  default = true
}

variable "keys" {
  type     = list(string)
  default  = []
  nullable = false
}

variable "labels" {
  type    = map(string)
  default = {}
}

variable "backup" {
  type = object({
    vault = string
    days  = optional(number, 7)
  })
  default = null
}

variable "anything" {
  default = {}
}

output "role_arn" { value = aws_iam_role.this.arn }
"""

FUNCTION = """\
variable "role_name" { type = string }
variable "role_path" { type = string }
variable "roles_to_assume" { type = any }
variable "package" { type = string }
output "role_arn" { value = aws_iam_role.this.arn }
"""


def make_project(folder: Path, spec: str | bytes = GOOD) -> Path:
    """Write the project to `folder`/shop and return its path."""
    root = folder / "shop"
    files = {
        "modules/table/main.tf": TABLE,
        "modules/function/main.tf": FUNCTION,
        "modules/function/lambda/handler.py": "",
        "tfdriver.yaml": spec,
    }
    for name, content in files.items():
        put(root, name, content)
    return root


def put(root: Path, name: str, content: str | bytes) -> None:
    """Write a file of the project with mode 0644."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o644)


def load(root: Path) -> Spec:
    """Load a project's spec with a few regions and profiles."""
    return load_spec(root, regions=lambda: REGIONS, profile_region=PROFILE_REGIONS.get, checks=(refuse_long_policies,))


def with_line(number: int, text: str) -> str:
    """Return the valid spec with a line (from 1) replaced by `text`: any number of lines, or none."""
    lines = GOOD.splitlines()
    return "\n".join([*lines[: number - 1], *([text] if text else []), *lines[number:]]) + "\n"
