"""Only roles that this project manages are trusted, changed or destroyed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import TFDRIVER, World, use_buckets

pytestmark = pytest.mark.integration

FOO = "arn:aws:iam::111111111111:role/foo_bar"
UP = ("up", "--yes", "--no-verify")


def create_namesake(world: World, name: str = "bar", profile: str = "account_b") -> None:
    """Create an unmanaged role that its account's administrator may assume."""
    account = world.client("sts", profile).get_caller_identity()["Account"]
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam = world.client("iam", profile)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(statement))
    allowed = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName="any", PolicyDocument=allowed)


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def delete_role(world: World, name: str, profile: str) -> None:
    iam = world.client("iam", profile)
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def assume_as_namesake(world: World) -> str:
    """Assume `foo_bar` as the role `bar` of account B; return the error code or `allowed`."""
    session = world.client("sts", "account_b").assume_role(
        RoleArn="arn:aws:iam::222222222222:role/bar", RoleSessionName="namesake"
    )["Credentials"]
    sts = world.sessions["account_b"].client(
        "sts",
        endpoint_url=world.server.endpoint,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    try:
        sts.assume_role(RoleArn=FOO, RoleSessionName="namesake")
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"


def status(world: World, *options: str) -> tuple[int, dict[str, Any]]:
    done = world.tfdriver("status", "--json", *options)
    return done.returncode, json.loads(done.stdout)["result"]


@pytest.mark.parametrize("initialised", [True, False])
def test_an_unmanaged_role_is_never_trusted(small_world: World, initialised: bool):
    world = small_world
    use_buckets(world)
    if initialised:
        assert world.tfdriver("plan").returncode == 0
    create_namesake(world)
    before = len(world.calls())

    for command in (("plan",), UP):
        refused = world.tfdriver(*command)
        assert refused.returncode == 1, refused.stderr
        assert "role bar in account_b (222222222222): it exists and is not managed by this project" in refused.stderr
    code, found = status(world, "--detailed-exitcode")

    assert (code, found["pairs"][0]["state"]) == (2, "unmanaged")
    assert "role bar in account_b exists and is not managed by this project" in found["pairs"][0]["words"]
    assert world.trust_writes(before) == []
    assert world.client("iam", "account_a").list_roles()["Roles"] == []


@pytest.mark.long
def test_a_namesake_of_a_deleted_role_gets_no_access(small_world: World):
    world = small_world
    use_buckets(world)
    assert world.tfdriver(*UP).returncode == 0
    delete_role(world, "bar", "account_b")
    create_namesake(world)
    before = len(world.calls())

    refused = [world.tfdriver(*command) for command in (UP, ("tighten", "--yes"), ("destroy", "--yes"))]
    code, found = status(world, "--detailed-exitcode")
    for folder in world.project.glob("compositions/*/.t*"):  # files that are not in version control
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    refused += [world.tfdriver("tighten", "--yes")]

    for command in refused:
        assert command.returncode == 1, command.stderr
        assert "role bar in account_b (222222222222): it exists and is not managed by this project" in command.stderr
    assert code == 2
    (pair,) = found["pairs"]
    assert (pair["state"], "is not managed by this project" in pair["words"]) == ("unmanaged", True)
    assert "tighten" not in pair["advice"]
    assert status(world, "--detailed-exitcode")[1]["pairs"] == found["pairs"]
    assert world.trust_writes(before) == []
    assert world.trust_writes(before, "bar") == []
    assert assume_as_namesake(world) == "AccessDenied"


@pytest.mark.long
def test_a_second_project_with_the_same_name_adopts_nothing_unless_requested(small_world: World, tmp_path: Path):
    world, second = small_world, tmp_path / "second"
    use_buckets(world)
    assert world.tfdriver(*UP).returncode == 0
    shutil.copytree(world.project, second, ignore=shutil.ignore_patterns("compositions"))
    spec = second / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("{composition}", "second/{composition}"))
    before = len(world.calls())

    refused = [in_second(world, second, *command) for command in (UP, ("destroy", "--yes"))]
    for command in refused:
        assert command.returncode == 1, command.stderr
        assert "role foo_bar in account_a (111111111111): it has this project's tags" in command.stderr
        assert "it was created on " in command.stderr
        assert " by arn:aws:iam::111111111111:user/admin" in command.stderr
        assert "--adopt" in command.stderr
    assert world.writes(before) == []

    adopted = in_second(world, second, *UP, "--adopt")  # as after a loss of the state
    assert adopted.returncode == 0, adopted.stderr
    assert set(world.writes(before)) == {"PutObject", "DeleteObject"}  # the states and their locks

    delete_role(world, "foo_bar", "account_a")
    delete_role(world, "bar", "account_b")
    spec.write_text(spec.read_text().replace("second/", "third/"))
    shutil.rmtree(second / "compositions")
    before = len(world.calls())
    refused_for_the_table = in_second(world, second, *UP)
    assert refused_for_the_table.returncode == 1
    assert "aws_dynamodb_table Faults exists with this project's tags" in refused_for_the_table.stderr
    assert set(world.writes(before)) <= {"PutObject", "DeleteObject"}  # the locks of plans


def in_second(world: World, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return world.run([str(TFDRIVER), "-C", str(folder), *command])
