"""Roles that exist on each side: connected by one `up`, and put back as they were by `destroy`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from tests.integration.conftest import World, make_world
from tests.integration.deploy.test_ownership import UP
from tfdriver.terraform.program import find_program

pytestmark = pytest.mark.integration

ACCOUNTS = """\
version: 1
project: estate
accounts:
  account_a: {id: "111111111111", profile: account_a, region: us-west-2}
  account_b: {id: "222222222222", profile: account_b, region: us-west-2}
roles:
"""
ANY_ROLES = """\
  reader: {account: account_a, existing: true, trusts: [a], trust_statements: [{Effect: Deny, Principal: x, Action: y}]}
  a: {account: account_b, existing: true}
"""
READER = "team-a+reader"
# As a person writes it, with white space that no program would.
TRUST = """
{
   "Version" : "2012-10-17",
 "Statement": [ {"Sid":"OnlyOurAccounts", "Effect":"Deny","Principal":"*","Action":"sts:AssumeRole",
      "Condition":{"StringNotEquals":{"aws:PrincipalAccount":["222222222222" , "111111111111"]}}},
\t{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"},
  {"Effect":"Allow", "Principal":{"AWS":["arn:aws:iam::111111111111:root"]}, "Action":["sts:AssumeRole"]}\t]
}
"""
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
SERVICE = json.dumps({"Version": "2012-10-17", "Statement": [EC2]})
EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
# Keeps the plans that tfdriver reads. While there is a file `kill`, kills tfdriver that lets Terraform forget a role.
WRAPPER = """\
#!/bin/sh
case "$1 $2" in
  "show -json") {terraform} "$@" > "$HOME/$$" || exit 1; cat "$HOME/$$" | tee -a "$HOME/plans"; exit 0 ;;
  "state rm") if [ -e "$HOME/kill" ]; then kill -9 $PPID; exit 1; fi ;;
esac
exec {terraform} "$@"
"""


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[World]:
    """A project of an estate that has everything: both roles, their policies, an instance profile."""
    project = tmp_path / "estate"
    project.mkdir()
    (project / "tfdriver.yaml").write_text(ACCOUNTS + ANY_ROLES)
    for world in make_world(project, tmp_path):
        (project / "tfdriver.yaml").write_text(ACCOUNTS)
        wrapper = tmp_path / "terraform"
        wrapper.write_text(WRAPPER.format(terraform=" ".join(map(quote, find_program(world.environ).argv))))
        wrapper.chmod(0o755)
        world.environ["TFDRIVER_TERRAFORM"] = str(wrapper)
        a, b = (world.client("iam", f"account_{x}") for x in "ab")
        a.create_role(
            RoleName=READER,
            Path="/team/",
            AssumeRolePolicyDocument=TRUST,
            Description="reads",
            MaxSessionDuration=7200,
            Tags=[{"Key": "owner", "Value": "team-a"}],
        )
        a.put_role_policy(RoleName=READER, PolicyName="own", PolicyDocument=EVERYTHING)
        b.create_role(RoleName="app", AssumeRolePolicyDocument=SERVICE)
        b.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=EVERYTHING)
        b.create_instance_profile(InstanceProfileName="app")
        b.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
        yield world


def whole(world: World, profile: str, name: str) -> dict[str, Any]:
    """Everything of a role, with the text of its trust policy."""
    iam = world.client("iam", profile)
    texts: list[str] = []

    def keep(http_response: Any, **_: Any) -> None:
        texts.append(http_response.text.partition("<AssumeRolePolicyDocument>")[2].partition("<")[0])

    iam.meta.events.register_first("after-call.iam.GetRole", keep)
    role = iam.get_role(RoleName=name)["Role"]
    policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return role | {"trust": unquote(texts[0]), "policies": policies, "profiles": profiles(iam, name)}


def profiles(iam: Any, name: str) -> list[str]:
    return [p["InstanceProfileName"] for p in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]]


def planned_actions(world: World) -> set[tuple[str, ...]]:
    """The actions on roles in the plans that tfdriver has read since the last call, in Terraform's JSON."""
    path = Path(world.environ["HOME"]) / "plans"
    plans = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    changes = [change for plan in plans for change in plan.get("resource_changes", ())]
    roles = (change for change in changes if (change["type"], change["mode"]) == ("aws_iam_role", "managed"))
    return {tuple(change["change"]["actions"]) for change in roles}


def run(world: World, *arguments: str) -> str:
    done = world.tfdriver(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_estate_is_connected_by_one_up_and_is_as_before_after_destroy(estate: World):
    world, spec = estate, estate.project / "tfdriver.yaml"
    before = whole(world, "account_a", READER), whole(world, "account_b", "app")
    assert before[0]["trust"] == TRUST

    with spec.open("a") as file:
        for account, name in (("account_a", READER), ("account_b", "app")):
            file.write(run(world, "adopt", account, name))
    spec.write_text(spec.read_text().replace("existing: true\n", "existing: true\n    trusts: [app]\n", 1))
    adopted = yaml.safe_load(spec.read_text())["roles"]
    assert adopted["team_a_reader"]["trust_statements"] == json.loads(TRUST)["Statement"]

    run(world, "plan")
    assert (whole(world, "account_a", READER), whole(world, "account_b", "app")) == before
    since = len(world.calls())
    run(world, *UP)

    assert sorted(world.writes(since)) == ["PutRolePolicy", "UpdateAssumeRolePolicy"]
    reader, app = whole(world, "account_a", READER), whole(world, "account_b", "app")
    changed = ("trust", "AssumeRolePolicyDocument")
    assert {k: v for k, v in reader.items() if k not in changed} == {
        k: v for k, v in before[0].items() if k not in changed
    }
    assert app == before[1] | {"policies": ["own", "tfdriver-estate-assume"]}
    statements = reader["AssumeRolePolicyDocument"]["Statement"]
    assert len(statements) == 4
    assert statements[0]["Principal"] == {"AWS": ["arn:aws:iam::222222222222:role/app"]}
    assert "exact" in run(world, "status", "--drift", "--detailed-exitcode")
    assert "1 not probed" in run(world, "verify")
    run(world, "tighten", "--yes")
    assert world.writes(since) == ["PutRolePolicy", "UpdateAssumeRolePolicy"]

    assert planned_actions(world) == {("update",)}
    stopped = world.terraform("account_a", "destroy", "-auto-approve")
    assert "Instance cannot be destroyed" in stopped.stderr
    whole_spec = spec.read_text()
    spec.write_text(whole_spec.replace("team_a_reader:", "other_key:"))
    renamed = world.tfdriver(*UP)
    assert (renamed.returncode, "error[existing_role]" in renamed.stderr) == (1, True), renamed.stderr
    spec.write_text(whole_spec)
    assert ("delete",) in planned_actions(world)

    kill = Path(world.environ["HOME"]) / "kill"
    kill.touch()
    assert world.tfdriver("destroy", "--yes").returncode == -9
    assert whole(world, "account_a", READER) == before[0]
    kill.unlink()
    writes = len(world.calls())
    run(world, "destroy", "--yes")

    assert world.writes(writes) == ["DeleteRolePolicy"]
    assert (whole(world, "account_a", READER), whole(world, "account_b", "app")) == before
    assert planned_actions(world) == set()
    assert not (world.project / "compositions/account_a").exists()
