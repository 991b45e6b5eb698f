"""status with real Terraform: drift and orphaned trusts are reported, `tighten` and `up` fix them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import World, make_world
from tests.integration.deploy.test_story import invoke
from tfdriver.project.init import init

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("status")]  # one applied project for all tests here

BAR = "arn:aws:iam::222222222222:role/bar"
WIDE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}


def up(world: World) -> None:
    done = world.tfdriver("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One applied project for all tests of this file. Each test restores it."""
    folder = tmp_path_factory.mktemp("status")
    project = folder / "foo-bar"
    init(project)
    for world in make_world(project, folder):
        up(world)
        yield world


def look(world: World, *options: str) -> tuple[int, dict[str, Any]]:
    """Run `status --json --detailed-exitcode`; return its exit code and its result."""
    done = world.tfdriver("status", "--json", "--detailed-exitcode", *options)
    return done.returncode, json.loads(done.stdout)["result"]


def state(found: dict[str, Any]) -> str:
    (pair,) = found["pairs"]
    return pair["state"]


def recreate(world: World) -> str:
    """Recreate the trusted role with the same policies and tags. Return the new id."""
    iam = world.client("iam", "account_b")
    role = iam.get_role(RoleName="bar")["Role"]
    trust, tags = role["AssumeRolePolicyDocument"], role["Tags"]
    policies = [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName="bar")["AttachedPolicies"]]
    for arn in policies:
        iam.detach_role_policy(RoleName="bar", PolicyArn=arn)
    iam.delete_role(RoleName="bar")
    made = iam.create_role(RoleName="bar", AssumeRolePolicyDocument=json.dumps(trust), Tags=tags)["Role"]
    for arn in policies:
        iam.attach_role_policy(RoleName="bar", PolicyArn=arn)
    return made["RoleId"]


def trust_writes(world: World, since: int) -> list[str]:
    return [w for w in world.writes(since) if w in ("CreateRole", "UpdateAssumeRolePolicy")]


def test_a_recreated_role_is_trusted_again_by_tighten_and_up_with_adopt(world: World):
    code, found = look(world, "--drift")
    assert (code, state(found)) == (0, "exact")
    assert [c["drift"] for c in found["compositions"]] == [{"drifted": [], "problem": ""}] * 2

    recreate(world)
    code, found = look(world)
    assert (code, state(found)) == (2, "orphaned")
    assert "AROA" in found["pairs"][0]["words"]
    assert found["pairs"][0]["advice"] == "Run `tfdriver tighten`"
    assert world.trusted() != [BAR]
    assert "written" not in invoke(world)

    since = len(world.calls())
    unasked = world.tfdriver("tighten", "--yes")
    assert unasked.returncode == 1
    assert "role bar in account_b (222222222222): it has this project's tags, but the state" in unasked.stderr
    assert trust_writes(world, since) == []
    tighten = world.tfdriver("tighten", "--yes", "--adopt")
    assert tighten.returncode == 0, tighten.stderr
    assert world.trusted() == [BAR]
    assert "written" in invoke(world)
    assert look(world)[0] == 0
    assert trust_writes(world, since) == ["UpdateAssumeRolePolicy"]

    recreate(world)
    assert state(look(world)[1]) == "orphaned"
    since = len(world.calls())
    fixed = world.tfdriver("up", "--yes", "--adopt")
    assert fixed.returncode == 0, fixed.stderr
    assert world.trusted() == [BAR]
    assert trust_writes(world, since) == ["UpdateAssumeRolePolicy"]
    opened = [e for e in look(world)[1]["exposures"] if e["role"] == "foo_bar"]
    assert len(opened) == 1, "the fix opened the trust again"


def test_manual_changes_are_drift_and_the_check_changes_nothing(world: World):
    iam = world.client("iam", "account_a")
    iam.put_role_policy(RoleName="foo_bar", PolicyName="by-hand", PolicyDocument=json.dumps(WIDE))
    world.client("lambda", "account_b").update_function_configuration(FunctionName="bar", Timeout=99)
    since = len(world.calls())
    code, found = look(world, "--drift")
    assert (code, state(found)) == (2, "exact")
    assert {c["name"]: c["drift"]["drifted"] for c in found["compositions"]} == {
        "account_a": [],
        "account_b": ["module.bar.aws_lambda_function.this: timeout"],
    }
    assert world.writes(since) == []
    assert look(world)[0] == 0, "drift was checked without --drift"
    assert world.terraform("account_a", "plan", "-detailed-exitcode").returncode == 0, "a plain plan reports it"
    refused = world.tfdriver("destroy", "--yes")
    assert refused.returncode == 1
    assert "role foo_bar in account_a: it has policies that this project did not attach: by-hand" in refused.stderr
    assert world.writes(since) == []
    iam.delete_role_policy(RoleName="foo_bar", PolicyName="by-hand")
    world.client("lambda", "account_b").update_function_configuration(FunctionName="bar", Timeout=30)


def test_status_needs_only_one_account_and_no_terraform(world: World, tmp_path):
    first, second = Path(world.environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text().split("[account_b]")
    profiles = {"account_a": first, "account_b": f"[account_b]{second}"}
    reported = {}
    for name, credentials in profiles.items():
        path = tmp_path / name
        path.write_text(credentials)
        done = world.tfdriver("status", "--json", PATH="", TFDRIVER_TERRAFORM="", AWS_SHARED_CREDENTIALS_FILE=str(path))
        assert done.returncode == (0 if name == "account_a" else 1), done.stderr
        found = json.loads(done.stdout)["result"]
        reported[name] = (state(found), [a["account"] for a in found["accounts"] if a["caller"]])

    assert reported == {"account_a": ("exact", ["account_a"]), "account_b": ("unreadable", ["account_b"])}
