"""The call log contains every call, and no credentials."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, World, admin, allow, outcome, trust
from tfdriver.errors import TfdriverError
from tfdriver.sandbox.start import start


def entries(log_file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file.read_text().splitlines()]


def test_allowed_and_denied_calls_are_logged(world: World, log_file: Path) -> None:
    bar, session = world.trusted_role(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))

    outcomes = [outcome(session.assume, foo), outcome(world.trusted.assume, foo).partition(":")[0]]

    assert outcomes == ["allowed", "AccessDenied"]
    allowed, denied = entries(log_file)[-2:]
    for entry in (allowed, denied):
        assert (entry["service"], entry["action"], entry["resource"]) == ("sts", "AssumeRole", foo)
        assert entry["account"] == TRUSTED.id
        assert entry["source"] == "127.0.0.1"
        assert "Boto3" in entry["user_agent"]
    assert (allowed["allowed"], allowed["reason"], allowed["status"], allowed["error"]) == (True, "", 200, "")
    assert allowed["needs"] == [{"action": "sts:AssumeRole", "resource": foo, "facts": {}}]
    assert allowed["caller"] == f"arn:aws:sts::{TRUSTED.id}:assumed-role/{bar.rpartition('/')[2]}/test"
    assert denied["caller"] == f"arn:aws:iam::{TRUSTED.id}:user/admin"
    assert (denied["allowed"], denied["status"], denied["error"]) == (False, 403, "AccessDenied")
    assert denied["reason"] == "because no role trust policy allows the sts:AssumeRole action"


def test_every_response_contains_the_request_id_of_its_entry(world: World, log_file: Path) -> None:
    responses = [
        world.trusting.client("iam").list_roles(),
        world.trusting.client("sts").get_caller_identity(),
        world.trusting.client("dynamodb").list_tables(),
        world.trusting.client("lambda").list_functions(),
    ]

    ids = [response["ResponseMetadata"]["RequestId"] for response in responses]
    assert [entry["request_id"] for entry in entries(log_file)[-4:]] == ids


def test_invalid_credentials_are_logged_without_a_caller(world: World, log_file: Path) -> None:
    _, session = world.trusted_role()
    invalid = replace(session, keys=(*session.keys[:2], "wrong-token"))

    outcome(invalid.client("sts").get_caller_identity)

    entry = entries(log_file)[-1]
    assert (entry["caller"], entry["account"], entry["allowed"]) == ("", "", False)
    assert entry["error"] == "InvalidClientTokenId"


def test_a_fired_schedule_is_logged_as_a_call_of_eventbridge(world: World, log_file: Path) -> None:
    name, rule = world.function("def handler(e, c): return 1", world.execution_role()), world.name("rule")
    events = world.trusted.client("events")
    events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)")
    arn = world.trusted.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])

    world.sandbox.fire(rule)

    entry = entries(log_file)[-1]
    assert (entry["caller"], entry["source"]) == ("events.amazonaws.com", "events.amazonaws.com")
    assert (entry["service"], entry["action"], entry["resource"]) == ("lambda", "Invoke", arn)
    assert entry["allowed"] is False


def test_the_log_contains_no_credentials(world: World, log_file: Path) -> None:
    _, session = world.trusted_role(allow("*"))
    user = world.user(world.trusted)
    secret = "secret-in-the-environment"
    world.function("def handler(e, c): return 1", world.execution_role(), Environment={"Variables": {"S": secret}})

    outcome(session.client("iam").list_roles)
    outcome(user.client("iam").list_roles)

    text = log_file.read_text()
    for value in (secret, *session.keys, *user.keys, *world.trusting.keys, *world.trusted.keys):
        assert value not in text


def test_the_file_is_private_and_runs_append_to_it(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    account = replace(TRUSTING, name="other", id="717171717171", profile="other")

    for count in (1, 2):
        with start([account], log=log) as sandbox:
            admin(sandbox, account).client("sts").get_caller_identity()
        assert len(entries(log)) == count

    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TfdriverError, match="cannot write the call log"), start([], log=tmp_path / "no" / "log"):
        pass
