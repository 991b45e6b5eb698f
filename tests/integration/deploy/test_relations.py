"""Mutual trust, two regions of one account, an organization's Deny, and roles that exist, through all commands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import World, make_world
from tests.integration.deploy.test_existing import whole
from tfdriver.iam.policy_document import principals

pytestmark = pytest.mark.integration

PEER = """\
variable "role_name" { type = string }
variable "role_path" { type = string }
variable "trust_policy" { type = string }
variable "roles_to_assume" { type = any }

resource "aws_iam_role" "this" {
  name               = var.role_name
  path               = var.role_path
  assume_role_policy = var.trust_policy
}

resource "aws_iam_role_policy" "assume" {
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = var.roles_to_assume[*].arn }]
  })
}

output "role_arn" { value = aws_iam_role.this.arn }
"""
SPEC = """\
version: 1
accounts:
  west: {id: "111111111111", region: us-west-2}
  east: {id: "111111111111", profile: west, region: us-east-1}
  other: {id: "222222222222", region: us-west-2}
  vendor: {id: "333333333333", region: us-west-2}
roles:
  foo:
    account: west
    module: peer
    trusts: [bar, "arn:aws:iam::333333333333:role/team/scan"]
    trust_statements: [DENY]
  bar:
    account: other
    module: peer
    trusts: [foo, far]
    assumes: [{arn: "arn:aws:iam::333333333333:role/hub", external_id: from-vendor}]
  far: {account: east, module: peer, trusts: [bar]}
  reader: {account: west, existing: true, trusts: [bar, app], trust_statements: [DENY, EC2]}
  app: {account: other, existing: true}
"""
# As a person writes it, with white space that no program would.
EXISTING = """{"Version": "2012-10-17",
  "Statement": [  {"Effect":"Deny", "Principal":"*","Action":"sts:AssumeRole",
      "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-acme"}}},
    {"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"} ]}"""
DENY, EC2 = map(json.dumps, json.loads(EXISTING)["Statement"])
SPEC = SPEC.replace("DENY", DENY).replace("EC2", EC2)
SCAN = "arn:aws:iam::333333333333:role/team/scan"
FOO, BAR, FAR, APP = (
    f"arn:aws:iam::{account * 12}:role/{key}"
    for account, key in (("1", "foo"), ("2", "bar"), ("1", "far"), ("2", "app"))
)


def trusted(iam: Any, name: str) -> set[str]:
    """The roles and accounts that the Allow statements of a role's trust policy name; its Deny must be there, too."""
    found = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert json.loads(DENY) in found
    allowed = (statement for statement in found if statement["Effect"] == "Allow")
    return {arn for statement in allowed for arn in principals(statement) if arn.startswith("arn:")}


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[World]:
    project = tmp_path / "peers"
    (project / "modules/peer").mkdir(parents=True)
    (project / "modules/peer/main.tf").write_text(PEER)
    (project / "tfdriver.yaml").write_text(SPEC)
    yield from make_world(project, tmp_path)


def test_all_relations_through_all_commands(peers: World):
    world, vendor = peers, peers.client("iam", "vendor")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "333333333333"}, "Action": "sts:AssumeRole"}]}
    scan = {
        "RoleName": "scan",
        "Path": "/team/",
        "AssumeRolePolicyDocument": json.dumps(trust | {"Version": "2012-10-17"}),
    }

    west, other = world.client("iam", "west"), world.client("iam", "other")
    west.create_role(RoleName="reader", AssumeRolePolicyDocument=EXISTING)
    service = json.dumps({"Version": "2012-10-17", "Statement": [json.loads(EC2)]})
    other.create_role(RoleName="app", AssumeRolePolicyDocument=service)
    before = [whole(world, "west", "reader"), whole(world, "other", "app")]

    planned = world.tfdriver("plan")
    assert planned.returncode == 0, planned.stderr
    assert "role scan in vendor (333333333333)" in planned.stdout

    began = time.monotonic()
    refused = world.tfdriver("up", "--yes", "--no-verify")  # the vendor has not created its role
    assert refused.returncode == 3
    assert f"error[principal_refused]: role foo in west: IAM does not accept this principal: {SCAN}" in refused.stderr
    assert time.monotonic() - began < 60  # the provider alone would retry for two minutes
    assert world.trusted("far", "west") == [BAR]
    assert trusted(west, "foo") == {"arn:aws:iam::222222222222:root"}

    vendor.create_role(**scan)
    done = world.tfdriver("up", "--yes")
    assert done.returncode == 0, done.stderr
    assert trusted(west, "foo") == {BAR, SCAN}
    assert world.trusted("bar", "other") == [FAR, FOO]
    assert trusted(west, "reader") == {BAR, APP}
    verified = world.tfdriver("verify", "--json")
    checks = {check["tried"]: check["verdict"] for check in json.loads(verified.stdout)["result"]["checks"]}
    assert checks["role scan in account 333333333333 assumes role foo in west"] == "not probed"
    assert checks["role bar in other assumes role hub in account 333333333333"] == "not probed"
    assert "failed" not in checks.values()
    status = world.tfdriver("status", "--drift", "--detailed-exitcode")
    assert status.returncode == 0, status.stdout + status.stderr
    assert "role foo in west <- role scan in vendor: exact" in status.stdout
    values = json.loads((world.project / "compositions/other_trusting/terraform.tfvars.json").read_text())
    assert values["roles_to_assume"]["bar"][-1] == {
        "role": "arn:aws:iam::333333333333:role/hub",
        "arn": "arn:aws:iam::333333333333:role/hub",
        "external_id": "from-vendor",
        "region": "us-west-2",
        "variables": {},
    }

    vendor.delete_role(RoleName="scan")
    vendor.create_role(**scan)  # another role with this ARN, which is not trusted
    assert "role foo in west <- role scan in vendor: orphaned" in world.tfdriver("status").stdout
    tightened = world.tfdriver("tighten", "--yes")
    assert tightened.returncode == 0, tightened.stderr
    assert trusted(west, "foo") == {BAR, SCAN}
    destroyed = world.tfdriver("destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert [r["RoleName"] for r in vendor.list_roles()["Roles"]] == ["scan"]
    assert [r["RoleName"] for r in west.list_roles()["Roles"]] == ["reader"]
    assert [whole(world, "west", "reader"), whole(world, "other", "app")] == before
