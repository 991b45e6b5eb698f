"""verify proves access to a bucket and a secret by a role of EC2 instances, which runs no function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.integration.conftest import REQUIRED, World, make_world
from tfdriver.cli.json_schema import schema

pytestmark = pytest.mark.integration

OBJECT, BUCKET = "arn:aws:s3:::reports/in/key", "arn:aws:s3:::reports"
SPEC = """
version: 1
project: probed
accounts:
  account_a: {id: "111111111111", profile: account_a, region: us-west-2}
  account_b: {id: "222222222222", profile: account_b, region: us-west-2}
roles:
  foo_bar: {account: account_a, module: reader, trusts: [bar], external_id: generate, variables: {secret: SECRET}}
  bar: {account: account_b, module: instances}
"""
TRUSTING = """
variable "role_name" { type = string }
variable "role_path" { type = string }
variable "trust_policy" { type = string }
variable "secret" { type = string }

resource "aws_iam_role" "this" {
  name               = var.role_name
  path               = var.role_path
  assume_role_policy = var.trust_policy
}

resource "aws_iam_role_policy" "this" {
  name = "read"
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "s3:ListBucket", Resource = "arn:aws:s3:::reports",
        Condition = { StringLike = { "s3:prefix" = "in/*" } } },
      { Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::reports/in/*" },
      { Effect = "Allow", Action = "secretsmanager:DescribeSecret", Resource = var.secret },
    ]
  })
}

output "role_arn" { value = aws_iam_role.this.arn }
output "probe" {
  value = {
    type   = "calls"
    region = "us-west-2"
    calls = [
      { action = "s3:GetObject", arn = "arn:aws:s3:::reports/in/key", expect = "allowed" },
      { action = "s3:ListBucket", arn = "arn:aws:s3:::reports/in/", expect = "allowed" },
      { action = "s3:ListBucket", arn = "arn:aws:s3:::reports", expect = "refused" },
      { action = "secretsmanager:DescribeSecret", arn = var.secret, expect = "allowed" },
      { action = "secretsmanager:GetSecretValue", arn = var.secret, expect = "refused" },
    ]
  }
}
"""
TRUSTED = """
variable "role_name" { type = string }
variable "role_path" { type = string }
variable "roles_to_assume" { type = list(object({ arn = string })) }

locals { operator = "arn:aws:iam::222222222222:role/operator" }

resource "aws_iam_role" "this" {
  name = var.role_name
  path = var.role_path
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } },
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = local.operator } },
    ]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "assume"
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = var.roles_to_assume[*].arn }]
  })
}

output "role_arn" { value = aws_iam_role.this.arn }
output "probe" { value = { type = "role", probe_by = local.operator } }
"""


@pytest.fixture
def probed(tmp_path: Path) -> Iterator[World]:
    """A project whose bucket, secret and operator's role exist."""
    project = tmp_path / "probed"
    for name, text in (("reader", TRUSTING), ("instances", TRUSTED)):
        (project / "modules" / name).mkdir(parents=True)
        (project / "modules" / name / "main.tf").write_text(REQUIRED + text)
    (project / "tfdriver.yaml").write_text(SPEC)
    for world in make_world(project, tmp_path):
        s3 = world.client("s3", "account_a")
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_object(Bucket="reports", Key="in/key", Body=b"content")
        secret = world.client("secretsmanager", "account_a").create_secret(Name="key", SecretString="hunter2")["ARN"]
        (project / "tfdriver.yaml").write_text(SPEC.replace("SECRET", json.dumps(secret)))
        root = {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "sts:AssumeRole"}
        world.client("iam", "account_b").create_role(RoleName="operator", AssumeRolePolicyDocument=policy(root))
        yield world


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_calls_on_a_bucket_and_a_secret_are_proved_through_an_operators_role(probed: World) -> None:
    assert probed.tfdriver("up", "--yes", "--no-verify").returncode == 0

    done = probed.tfdriver("verify", "--strict", "--json")
    assert done.returncode == 0, done.stdout
    printed = json.loads(done.stdout)
    jsonschema.validate(printed, schema("verify"))
    found = {check["name"].split(":secret:")[0]: check for check in printed["result"]["checks"]}
    assert {check["verdict"] for check in found.values()} == {"passed"}
    secret = "arn:aws:secretsmanager:us-west-2:111111111111"
    assert found.keys() >= {
        "assume",
        "assume-without-external-id",
        "assume-with-wrong-external-id",
        f"granted s3:GetObject {OBJECT}",
        f"granted s3:ListBucket {BUCKET}/in/",
        f"granted secretsmanager:DescribeSecret {secret}",
        f"not-granted s3:ListBucket {BUCKET}",
        f"not-granted secretsmanager:GetSecretValue {secret}",
        f"direct s3:GetObject {OBJECT}",
    }
    assert found[f"granted s3:GetObject {OBJECT}"]["evidence"]["request_id"]
    assert "hunter2" not in done.stdout + done.stderr

    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECT}
    probed.client("s3", "account_a").put_bucket_policy(Bucket="reports", Policy=policy(deny))
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", "secretsmanager:*"], "Resource": "*"}
    iam = probed.client("iam", "account_a")
    iam.put_role_policy(RoleName="foo_bar", PolicyName="read", PolicyDocument=policy(allow))

    wrong = probed.tfdriver("verify", "--timeout", "1s")
    assert wrong.returncode == 1
    lines = [line.strip() for line in wrong.stdout.splitlines()]
    failed = "X FAILED role bar in account_b as role foo_bar in account_a calls"
    for call in ("s3:GetObject on reports/in/key", "s3:ListBucket on reports/in/"):
        assert [line for line in lines if line.startswith(f"{failed} {call}: expected allowed, but AccessDenied")]
    assert [line for line in lines if line.startswith(f"{failed} secretsmanager:GetSecretValue on secret:key-")]
    assert probed.tfdriver("destroy", "--yes").returncode == 0
