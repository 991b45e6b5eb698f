"""tighten --revoke-sessions with real Terraform: earlier sessions are revoked, new ones work."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import World

pytestmark = pytest.mark.integration

FOO = "arn:aws:iam::111111111111:role/foo_bar"


def put(world: World, credentials: dict[str, Any]) -> str:
    """Write an item with a session's credentials; return the error code or `written`."""
    session = boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], "us-west-2"
    )
    table = session.client("dynamodb", endpoint_url=world.server.endpoint)
    try:
        table.put_item(TableName="TestTable", Item={"MyPrimaryKey": {"S": "x"}})
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "written"


def test_sessions_of_the_broad_phase_are_revoked_and_the_process_continues(world: World):
    spec = world.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("trusts: [bar]", "trusts: [bar]\n    guard: false"))
    assert world.tfdriver("up", "--yes", "--no-tighten", "--no-verify").returncode == 3
    sts = world.client("sts", "account_b")
    session = sts.assume_role(RoleArn=FOO, RoleSessionName="somebody")["Credentials"]
    assert put(world, session) == "written"

    assert world.tfdriver("tighten", "--yes").returncode == 0
    assert put(world, session) == "written"
    done = world.tfdriver("tighten", "--yes", "--revoke-sessions", "--json")
    assert done.returncode == 0, done.stderr
    (revocation,) = json.loads(done.stdout)["result"]["revocations"]
    assert put(world, session) == "AccessDeniedException"
    plan = world.terraform("account_a", "plan", "-detailed-exitcode", "-no-color")
    assert plan.returncode == 0, plan.stdout
    assert world.terraform("account_a", "fmt", "-check", "-diff").returncode == 0

    time.sleep(1.1)  # the policy revokes tokens up to the end of the second
    verified = world.tfdriver("verify", "--strict")
    assert verified.returncode == 0, verified.stdout
    iam = world.client("iam", "account_a")
    before = len(world.calls())
    assert world.tfdriver("up", "--yes", "--no-verify").returncode == 0
    assert world.writes(before) == []

    # Make the revocation older than the longest session.
    policy = iam.get_role_policy(RoleName="foo_bar", PolicyName="AWSRevokeOlderSessions")["PolicyDocument"]
    ended = json.dumps(policy).replace(revocation["text"], "2020-01-01T00:00:00Z")
    iam.put_role_policy(RoleName="foo_bar", PolicyName="AWSRevokeOlderSessions", PolicyDocument=ended)
    before = len(world.calls())
    assert world.tfdriver("tighten", "--yes").returncode == 0
    assert world.writes(before) == ["DeleteRolePolicy"]
    assert world.tfdriver("destroy", "--yes").returncode == 0
    assert not [r for r in iam.list_roles()["Roles"] if r["RoleName"] == "foo_bar"]
