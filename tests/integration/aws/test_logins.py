"""Credentials, and what of the environment reaches Terraform."""

from __future__ import annotations

import base64
import json
import sys
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
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}


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


JWT = {"iss": "https://ci.example", "sub": "repo:acme/infra:ref:refs/heads/main", "aud": "sts.amazonaws.com"}


@pytest.mark.long
def test_a_role_profile_and_a_web_identity_are_rehearsed_in_the_sandbox(small_world: World, tmp_path: Path):
    """Account A's profile assumes a role with account B's keys, and account B's profile one with a token."""
    credentials, config = (Path(small_world.environ[f"AWS_{name}_FILE"]) for name in ("SHARED_CREDENTIALS", "CONFIG"))
    a, b = (small_world.client("iam", profile) for profile in ("account_a", "account_b"))
    provider = b.create_open_id_connect_provider(Url=JWT["iss"], ClientIDList=[JWT["aud"]])["OpenIDConnectProviderArn"]
    by_token = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"ci.example:sub": JWT["sub"], "ci.example:aud": JWT["aud"]}},
    }
    by_admin = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "sts:AssumeRole"}
    for iam, trust in ((a, by_admin), (b, by_token)):
        iam.create_role(RoleName="operator", AssumeRolePolicyDocument=document(trust))
        iam.attach_role_policy(RoleName="operator", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    token = tmp_path / "token"
    body = base64.urlsafe_b64encode(json.dumps(JWT | {"exp": 4102444800}).encode()).decode().rstrip("=")
    token.write_text(f"e30.{body}.e30")
    keys, text = credentials.read_text(), config.read_text()
    credentials.write_text(keys.replace("[account_a]", "[admin_a]").replace("[account_b]", "[admin_b]"))
    role = "role_arn = arn:aws:iam::{}:role/operator\n{}\n"
    for profile, more in (
        ("account_a", role.format("1" * 12, "source_profile = admin_b")),
        ("account_b", role.format("2" * 12, f"web_identity_token_file = {token}")),
    ):
        text = text.replace(f"[profile {profile}]\n", f"[profile {profile}]\n{more}")
    config.write_text(text)
    before = len(small_world.calls())

    up = small_world.tfdriver("up", "--yes", "--no-verify")

    assert up.returncode == 0, up.stderr
    assert small_world.trusted() == ["arn:aws:iam::222222222222:role/bar"]
    assert {c["caller"].partition("/")[0] for c in small_world.calls(before) if c["action"] == "CreateRole"} == {
        "arn:aws:sts::111111111111:assumed-role",
        "arn:aws:sts::222222222222:assumed-role",
    }
    assert not any(c["error"] for c in small_world.calls(before) if c["action"].startswith("AssumeRole"))

    config.write_text(text.replace(role.format("1" * 12, "source_profile = admin_b"), "source_profile = admin_b\n"))
    before = len(small_world.calls())
    refused = small_world.tfdriver("up", "--yes")

    assert refused.returncode == 1
    assert "the profile has source_profile without role_arn, which Terraform refuses" in refused.stderr
    assert small_world.writes(before) == []


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
    command = [str(TFDRIVER), "-C", str(small_world.project), "up", "--yes", "--no-verify"]
    up = small_world.run([sys.executable, *command], **poison)
    assert up.returncode == 0, up.stderr
    assert "TF_CLI_ARGS_apply" in up.stderr
    assert "poison-secret" not in up.stderr + up.stdout
    assert not (tmp_path / "elsewhere").exists()
    # Python itself obeys PYTHONPATH when tfdriver starts; the programs that tfdriver starts must not.
    assert (hostile / "ran").read_text().splitlines() == [str(TFDRIVER)]
    assert small_world.trusted() == ["arn:aws:iam::222222222222:role/bar"]
