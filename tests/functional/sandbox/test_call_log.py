"""The call log: what CloudTrail would keep, and never a credential."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, World, admin, allow, outcome, trust
from tfdriver.errors import TfdriverError
from tfdriver.sandbox.run import start


def entries(log_file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file.read_text().splitlines()]


def test_an_allowed_and_a_refused_call(world: World, log_file: Path) -> None:
    bar, session = world.process(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))
    assert outcome(session.assume, foo) == "allowed"
    allowed = entries(log_file)[-1]
    assert outcome(world.trusted.assume, foo).startswith("AccessDenied")
    refused = entries(log_file)[-1]
    for entry in (allowed, refused):
        assert (entry["service"], entry["action"], entry["resource"]) == ("sts", "AssumeRole", foo)
        assert entry["account"] == TRUSTED.id
        assert entry["source"] == "127.0.0.1"
        assert "Boto3" in entry["user_agent"]
    assert (allowed["allowed"], allowed["reason"], allowed["status"], allowed["error"]) == (True, "", 200, "")
    assert allowed["needs"] == [{"action": "sts:AssumeRole", "resource": foo, "facts": {}}]
    assert allowed["caller"] == f"arn:aws:sts::{TRUSTED.id}:assumed-role/{bar.rpartition('/')[2]}/test"
    assert refused["caller"] == f"arn:aws:iam::{TRUSTED.id}:user/admin"
    assert (refused["allowed"], refused["status"], refused["error"]) == (False, 403, "AccessDenied")
    assert refused["reason"] == "because no role trust policy allows the sts:AssumeRole action"


def test_every_answer_carries_the_request_id_of_its_line(world: World, log_file: Path) -> None:
    answers = [
        world.trusting.client("iam").list_roles(),
        world.trusting.client("sts").get_caller_identity(),
        world.trusting.client("dynamodb").list_tables(),
        world.trusting.client("lambda").list_functions(),
    ]
    ids = [answer["ResponseMetadata"]["RequestId"] for answer in answers]
    assert [entry["request_id"] for entry in entries(log_file)[-4:]] == ids


def test_bad_credentials_are_logged_without_a_caller(world: World, log_file: Path) -> None:
    _, session = world.process()
    stolen = type(session)(session.endpoint, session.region, (*session.keys[:2], "wrong-token"))
    outcome(stolen.client("sts").get_caller_identity)
    entry = entries(log_file)[-1]
    assert (entry["caller"], entry["account"], entry["allowed"]) == ("", "", False)
    assert entry["error"] == "InvalidClientTokenId"


def test_a_fired_schedule_is_logged_as_the_services_own_call(world: World, log_file: Path) -> None:
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


def test_no_credential_is_ever_in_it(world: World, log_file: Path) -> None:
    _, session = world.process(allow("*"))
    user = world.user(world.trusted)
    secret = "planted-in-the-environment"
    world.function("def handler(e, c): return 1", world.execution_role(), Environment={"Variables": {"S": secret}})
    outcome(session.client("iam").list_roles)
    outcome(user.client("iam").list_roles)
    text = log_file.read_text()
    for value in (secret, *session.keys, *user.keys, *world.trusting.keys, *world.trusted.keys):
        assert value not in text


def test_the_file_is_private_and_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    account = type(TRUSTING)("other", "717171717171", "other", "us-west-2", "aws")
    for count in (1, 2):
        with start([account], log=log) as sandbox:
            admin(sandbox, account).client("sts").get_caller_identity()
        assert len(entries(log)) == count
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(TfdriverError, match="cannot write the call log"), start([], log=tmp_path / "no" / "log"):
        pass
