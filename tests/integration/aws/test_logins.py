"""Credentials, and what of the environment reaches Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import TFDRIVER, World, _keys, make_world

pytestmark = pytest.mark.integration


@pytest.fixture
def keys(small_world: World) -> dict[str, str]:
    """Account A's keys, for the environment. Profile account_a assumes a role with them."""
    credentials, config = (Path(small_world.environ[f"AWS_{name}_FILE"]) for name in ("SHARED_CREDENTIALS", "CONFIG"))
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "sts:AssumeRole"}
    admin = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam = small_world.client("iam", "account_a")
    iam.create_role(RoleName="operator", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="operator", PolicyName="admin", PolicyDocument=document(admin))
    key, secret = _keys(credentials, "account_a")
    credentials.write_text(credentials.read_text().replace("[account_a]", "[unused]"))
    role = "role_arn = arn:aws:iam::111111111111:role/operator\ncredential_source = Environment\n"
    config.write_text(config.read_text().replace("[profile account_a]\n", f"[profile account_a]\n{role}"))
    # The provider assumes the role of a profile before it reads AWS_ENDPOINT_URL.
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL_STS": small_world.environ["AWS_ENDPOINT_URL"],
    }


def document(statement: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_only_profiles_that_name_the_environment_use_its_keys(small_world: World, keys: dict[str, str]):
    before = len(small_world.calls())

    up = small_world.tfdriver("up", "--yes", "--no-verify", **keys)

    assert up.returncode == 0, up.stderr
    assert "not passed on" not in up.stderr
    assert small_world.trusted() == ["arn:aws:iam::222222222222:role/bar"]
    creators = {
        (c["account"], c["caller"].split("/")[0]) for c in small_world.calls(before) if c["action"] == "CreateRole"
    }
    assert creators == {
        ("111111111111", "arn:aws:sts::111111111111:assumed-role"),
        ("222222222222", "arn:aws:iam::222222222222:user"),
    }


def test_container_credentials_do_not_replace_those_of_a_profile(small_world: World):
    plan = small_world.tfdriver(
        "plan",
        AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:9/none",
        AWS_ROLE_ARN="arn:aws:iam::333333333333:role/other",
        AWS_WEB_IDENTITY_TOKEN_FILE="/nowhere",
    )
    assert plan.returncode == 0, plan.stderr
    assert "warning: not passed on to Terraform: AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE" in plan.stderr


@pytest.fixture
def expired(project: Path, tmp_path: Path) -> Iterator[World]:
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults:\n  - {call: sts:GetCallerIdentity, account: '222222222222', expire: true}\n")
    yield from make_world(project, tmp_path, faults)


def test_expired_credentials(expired: World):
    up = expired.tfdriver("up", "--yes")
    assert up.returncode == 1
    assert "account account_b (profile account_b): the credentials have expired\n  Log in again" in up.stderr
    assert not (expired.project / "compositions").exists()
    assert {c["action"] for c in expired.calls()} == {"GetCallerIdentity", "GetRole"}


def test_a_poisoned_environment_changes_nothing(small_world: World, tmp_path: Path):
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    note = f"import sys; open({str(hostile / 'ran')!r}, 'a').write(sys.orig_argv[1] + chr(10))\n"
    (hostile / "sitecustomize.py").write_text(note)
    poison = {
        "TF_CLI_ARGS_apply": "-destroy",
        "TF_WORKSPACE": "other",
        "TF_DATA_DIR": str(tmp_path / "elsewhere"),
        "TF_VAR_account_id": "333333333333",
        "AWS_PROFILE": "nobody",
        "AWS_ACCESS_KEY_ID": "AKIAPOISONPOISONPOIS",
        "AWS_SECRET_ACCESS_KEY": "poison-secret",
        "PYTHONPATH": str(hostile),
    }
    up = small_world.tfdriver("up", "--yes", "--no-verify", **poison)
    assert up.returncode == 0, up.stderr
    assert "TF_CLI_ARGS_apply" in up.stderr
    assert "poison-secret" not in up.stderr + up.stdout
    assert not (tmp_path / "elsewhere").exists()
    # Python itself obeys PYTHONPATH when tfdriver starts; the programs that tfdriver starts must not.
    assert (hostile / "ran").read_text().splitlines() == [str(TFDRIVER)]
    assert small_world.trusted() == ["arn:aws:iam::222222222222:role/bar"]
