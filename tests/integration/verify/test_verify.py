"""verify with real Terraform: verdicts, exit codes and JSON; and what `tighten --revoke-sessions` changes in them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import World, make_world
from tfdriver.cli.json_schema import schema

pytestmark = pytest.mark.integration

FOO = "arn:aws:iam::111111111111:role/foo_bar"


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return the verdicts by name, from JSON that matches the schema."""
    printed: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(printed, schema(printed["command"]))
    found = printed["result"].get("verified") or printed["result"]
    return {check["name"]: check["verdict"] for check in found["checks"]}


def not_passed(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {name: verdict for name, verdict in checks(done).items() if verdict != "passed"}


def table(world: World) -> int:
    return int(world.client("dynamodb", "account_a").scan(TableName="TestTable")["Count"])


def session(world: World) -> dict[str, Any]:
    """The credentials of a session of the trusting role, as account B's administrator."""
    sts = world.client("sts", "account_b")
    credentials: dict[str, Any] = sts.assume_role(RoleArn=FOO, RoleSessionName="somebody")["Credentials"]
    return credentials


def put(world: World, credentials: dict[str, Any]) -> str:
    """Write an item with a session's credentials; return the error code or `written`."""
    keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    table = boto3.Session(*keys, "us-west-2").client("dynamodb", endpoint_url=world.server.endpoint)
    try:
        table.put_item(TableName="TestTable", Item={"MyPrimaryKey": {"S": "x"}})
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "written"


@pytest.mark.long
def test_an_unguarded_broad_trust_fails_then_an_exact_trust_passes_and_its_sessions_are_revoked(world: World):
    """The reason for the guard, for the third phase and for --revoke-sessions."""
    spec = world.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("trusts: [bar]", "trusts: [bar]\n    guard: false"))
    assert world.tfdriver("up", "--yes", "--no-tighten", "--no-verify").returncode == 3
    broad = world.tfdriver("verify", "--json")
    assert broad.returncode == 1
    assert not_passed(broad) == {"trust-policy": "failed", "intruder": "failed"}
    text = world.tfdriver("verify")
    assert text.returncode == 1
    assert "assumes role foo_bar in account_a: expected AccessDenied, but allowed" in text.stdout
    somebody = session(world)
    assert put(world, somebody) == "written"

    assert world.tfdriver("tighten", "--yes").returncode == 0
    items, before = table(world), len(world.calls())
    exact = world.tfdriver("verify", "--json", "--strict")
    assert exact.returncode == 0, exact.stdout
    assert not_passed(exact) == {}
    # The function writes the item with the trusting role's credentials. tfdriver itself only removes the item.
    writes = [(c["account"], c["action"]) for c in world.calls(before) if c["caller"].endswith(":user/admin")]
    reading = ("Get", "List", "Describe", "AssumeRole", "Invoke")
    assert [w for w in writes if not w[1].startswith(reading)] == [("111111111111", "DeleteItem")]
    assert table(world) == items
    status = world.tfdriver("status", "--json")
    jsonschema.validate(json.loads(status.stdout), schema("status"))

    assert put(world, somebody) == "written"
    done = world.tfdriver("tighten", "--yes", "--revoke-sessions", "--json")
    assert done.returncode == 0, done.stderr
    (revocation,) = json.loads(done.stdout)["result"]["revocations"]
    assert put(world, somebody) == "AccessDeniedException"
    plan = world.terraform("account_a", "plan", "-detailed-exitcode", "-no-color")
    assert plan.returncode == 0, plan.stdout
    assert world.terraform("account_a", "fmt", "-check", "-diff").returncode == 0

    time.sleep(1.1)  # the policy revokes tokens up to the end of the second
    verified = world.tfdriver("verify", "--strict")
    assert verified.returncode == 0, verified.stdout
    before = len(world.calls())
    assert world.tfdriver("up", "--yes", "--no-verify").returncode == 0
    assert world.writes(before) == []

    # Make the revocation older than the longest session.
    iam = world.client("iam", "account_a")
    policy = iam.get_role_policy(RoleName="foo_bar", PolicyName="AWSRevokeOlderSessions")["PolicyDocument"]
    ended = json.dumps(policy).replace(revocation["text"], "2020-01-01T00:00:00Z")
    iam.put_role_policy(RoleName="foo_bar", PolicyName="AWSRevokeOlderSessions", PolicyDocument=ended)
    before = len(world.calls())
    assert world.tfdriver("tighten", "--yes").returncode == 0
    assert world.writes(before) == ["DeleteRolePolicy"]

    outputs = world.project / "modules/team_a_foo_ddb/outputs.tf"
    outputs.write_text(outputs.read_text().replace("= aws_dynamodb_table.this.name", '= "Another"'))
    wrong = world.tfdriver("up", "--yes", "--json")
    assert wrong.returncode == 1
    assert not_passed(wrong) == {"write": "failed"}
    assert world.trust()["Principal"]["AWS"] == ["arn:aws:iam::222222222222:role/bar"]
    assert world.tfdriver("destroy", "--yes").returncode == 0
    assert not [r for r in iam.list_roles()["Roles"] if r["RoleName"] == "foo_bar"]


@pytest.fixture
def throttled(project: Path, tmp_path: Path) -> Iterator[World]:
    """A world in which account B throttles sts:AssumeRole once the file `throttled` exists."""
    error = {"status": 400, "code": "Throttling", "message": "Slow down"}
    fault = {"call": "sts:AssumeRole", "account": "222222222222", "if": str(tmp_path / "throttled"), "error": error}
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"faults": [fault]}))
    yield from make_world(project, tmp_path, faults)


@pytest.mark.long
def test_up_verifies_at_the_end_and_verify_finds_what_changed_afterwards(throttled: World, tmp_path: Path):
    world = throttled
    done = world.tfdriver("up", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert set(checks(done).values()) == {"passed"}

    (tmp_path / "throttled").touch()
    slow = world.tfdriver("verify", "--timeout", "2s")
    (tmp_path / "throttled").unlink()
    assert slow.returncode == 1
    assert "INCONCLUSIVE the operator's identity in account_b" in slow.stdout
    assert "Throttling: Slow down" in slow.stdout
    assert "refused" not in slow.stdout

    # A manual `-refresh-only` changes the state but not the rendered composition.
    arn = "arn:aws:iam::111111111111:policy/foo_bar_permissions"
    iam = world.client("iam", "account_a")
    table = "arn:aws:dynamodb:us-west-2:111111111111:table/TestTable"
    allow = {"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"], "Resource": table}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    world.client("iam", "account_b").put_role_policy(RoleName="bar", PolicyName="by-hand", PolicyDocument=document)
    assert world.terraform("account_a", "apply", "-refresh-only", "-auto-approve").returncode == 0
    shutil.rmtree(world.project / "compositions/account_b/.terraform")

    done = world.tfdriver("verify", "--json")
    assert done.returncode == 1
    failed = [c for c in json.loads(done.stdout)["result"]["checks"] if c["verdict"] != "passed"]
    assert {c["name"] for c in failed} == {"permissions"}
    widened, added = (c["happened"] for c in failed)
    assert widened.startswith("module.foo_bar.aws_iam_policy.permissions: policy is {")
    assert widened.count("dynamodb:UpdateItem") == 1
    assert added == "it also has policy by-hand"
    assert "account_a: plan" in done.stderr, done.stderr
    assert not list(world.project.glob("compositions/*/.tfdriver/*.plan"))

    assert world.terraform("account_a", "plan", "-detailed-exitcode").returncode == 2
    (world.project / "modules/team_a_foo_ddb/broken.tf").write_text("locals { broken = var.nowhere }")
    broken = world.tfdriver("verify")
    assert broken.returncode == 1
    assert "INCONCLUSIVE the live permissions of role foo_bar in account_a" in broken.stdout, broken.stderr
    assert "undeclared input variable" in broken.stdout
