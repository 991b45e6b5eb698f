"""Modules in the shapes of public ones, behind wrappers, and operators that have exactly the printed policies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import World, make_world

pytestmark = [pytest.mark.integration, pytest.mark.long]

PUBLIC = Path(__file__).parents[1] / "public"
ACCOUNTS = ("account_a", "account_b")
RESOURCES = (
    ("s3", "list_buckets", "Buckets"),
    ("sns", "list_topics", "Topics"),
    ("secretsmanager", "list_secrets", "SecretList"),
    ("scheduler", "list_schedules", "Schedules"),
    ("logs", "describe_log_groups", "logGroups"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_instance_profiles", "InstanceProfiles"),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    project = tmp_path / "project"
    shutil.copytree(PUBLIC, project)
    yield from make_world(project, tmp_path)


def make_operators(world: World, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Create an operator in each account with exactly the printed policies. Return variables, and the notes."""
    done = world.tfdriver("policy", "--json")
    assert "error:" not in done.stderr
    printed = json.loads(done.stdout)["result"]["accounts"]
    lines, notes = [], []
    for account in printed:
        iam = world.client("iam", account["account"])
        iam.create_user(UserName="operator")
        for number, document in enumerate(account["documents"]):
            policy = iam.create_policy(PolicyName=f"operator{number}", PolicyDocument=json.dumps(document))["Policy"]
            iam.attach_user_policy(UserName="operator", PolicyArn=policy["Arn"])
        key = iam.create_access_key(UserName="operator")["AccessKey"]
        lines += [f"[{account['account']}]", f"aws_access_key_id = {key['AccessKeyId']}"]
        lines += [f"aws_secret_access_key = {key['SecretAccessKey']}"]
        notes += account["notes"]
    (folder / "operators").write_text("\n".join(lines))
    return {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "operators")}, notes


def left(world: World) -> dict[str, Any]:
    """What exists in both accounts, by kind."""
    clients = [(world.client(service, account), call, key) for account in ACCOUNTS for service, call, key in RESOURCES]
    found = {key: getattr(client, call)().get(key, []) for client, call, key in clients}
    return {key: values for key, values in found.items() if values}


def test_wrapped_public_modules_with_exactly_the_printed_policies(world: World, tmp_path: Path) -> None:
    operators, notes = make_operators(world, tmp_path)
    spec = world.project / "tfdriver.yaml"

    up = world.tfdriver("up", "--yes", **operators)
    plans = [
        world.run(["terraform", "plan", "-detailed-exitcode"], world.project / "compositions" / name, **operators)
        for name in ACCOUNTS
    ]
    trusted = {name: world.trusted(name) for name in ("reports", "acme-prod-audit")}
    spec.write_text(spec.read_text().replace("bucket: acme-reports", "bucket: acme-reports, team: other"))
    again = world.tfdriver("up", "--yes", **operators)
    destroy = world.tfdriver("destroy", "--yes", **operators)

    assert all("aws_kms_key" in note and "key/*" in note for note in notes), notes
    for run in (up, again, destroy, *plans):
        assert run.returncode == 0, run.stdout + run.stderr
    runner, pipeline = (f"arn:aws:iam::222222222222:role/{name}" for name in ("runner", "ci/pipeline"))
    assert trusted == {"reports": [pipeline, runner], "acme-prod-audit": [runner]}
    refused = [c for c in world.calls() if c["caller"].endswith(":user/operator") and not c["allowed"]]
    assert {c["action"] for c in refused} <= {"AssumeRole"}, refused
    assert left(world) == {}
