"""Lambda functions really run, with the credentials of their role, and schedules fire."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.functional.sandbox.world import TRUSTED, World, allow, outcome, trust
from tfdriver.cli.output import Output
from tfdriver.cli.sandbox import print_sandbox
from tfdriver.cli.sandbox_run import fire
from tfdriver.errors import TfdriverError

pytestmark = pytest.mark.integration  # the sandbox's real time: too long for `make check`

WHO = """
import os, boto3
def handler(event, context):
    print("hello from", context.function_name)
    who = boto3.client("sts").get_caller_identity()["Arn"]
    return {"who": who, "environment": dict(os.environ), "left": context.get_remaining_time_in_millis()}
"""
ASSUME = """
import os, boto3
def handler(event, context):
    sts = boto3.client("sts")
    sts.assume_role(RoleArn=os.environ["ROLE_ARN"], RoleSessionName=context.function_name)
    return "got in"
"""


def invoke(world: World, name: str, **more: Any) -> tuple[Any, dict[str, Any]]:
    answer = world.trusted.client("lambda").invoke(FunctionName=name, **more)
    text = answer["Payload"].read()
    return json.loads(text) if text else None, answer


def test_code_runs_as_its_role_in_a_clean_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "s3cret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    role = world.execution_role()
    name = world.function(WHO, role, Environment={"Variables": {"ROLE_ARN": "x", "AWS_REGION": "overridden"}})
    payload, answer = invoke(world, name, LogType="Tail")
    assert payload["who"] == f"arn:aws:sts::{TRUSTED.id}:assumed-role/{role.rpartition('/')[2]}/{name}"
    assert "SECRET_OF_THE_HOST" not in payload["environment"]
    assert "AWS_MAX_ATTEMPTS" not in payload["environment"]
    assert payload["environment"]["ROLE_ARN"] == "x"
    assert payload["environment"]["AWS_REGION"] == TRUSTED.region
    assert payload["environment"]["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert 0 < payload["left"] <= 20_000
    assert answer["ExecutedVersion"] == "$LATEST"
    log = base64.b64decode(answer["LogResult"]).decode()
    assert f"hello from {name}\n" in log
    assert log.startswith("START RequestId: ")
    assert "LogResult" not in invoke(world, name)[1]


def test_the_role_reaches_what_it_may_and_nothing_else(world: World) -> None:
    role = world.execution_role(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(role))
    name = world.function(ASSUME, role, Environment={"Variables": {"ROLE_ARN": foo}})
    assert invoke(world, name)[0] == "got in"
    closed = world.role(world.trusting, trust(TRUSTED.id, Bool={"aws:SecureTransport": "false"}))
    other = world.function(ASSUME, role, Environment={"Variables": {"ROLE_ARN": closed}})
    payload, answer = invoke(world, other)
    assert answer["FunctionError"] == "Unhandled"
    assert "AccessDenied" in payload["errorMessage"]
    assert payload["stackTrace"]


@pytest.mark.parametrize(
    ("code", "settings", "error_type", "message"),
    [
        ("def handler(e, c): raise ValueError('no')", {}, "ValueError", "no"),
        ("def other(e, c): pass", {}, "AttributeError", "handler"),
        ("import nowhere", {}, "ModuleNotFoundError", "nowhere"),
        ("def handler(e, c): return object()", {}, "TypeError", "serializable"),
        ("import os\ndef handler(e, c): os._exit(3)", {}, "Runtime.ExitError", "exit status 3"),
        ("import time\ndef handler(e, c): time.sleep(9)", {"Timeout": 1}, "Sandbox.Timedout", "after 1.00 seconds"),
    ],
)
def test_failures_are_told_as_lambda_tells_them(
    world: World, code: str, settings: dict[str, Any], error_type: str, message: str
) -> None:
    payload, answer = invoke(world, world.function(code, world.execution_role(), **settings))
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == error_type
    assert message in payload["errorMessage"]


def test_loading_slow_code_is_not_running_time(world: World) -> None:
    code = "import time\ntime.sleep(1.2)\ndef handler(e, c): return 'done'"
    assert invoke(world, world.function(code, world.execution_role(), Timeout=1))[0] == "done"


def test_events_are_taken_at_once_and_dry_runs_run_nothing(world: World, tmp_path: Any) -> None:
    code = "import pathlib\ndef handler(e, c): pathlib.Path(e).write_text('ran')"
    name = world.function(code, world.execution_role())
    dry, asynchronous = tmp_path / "dry", tmp_path / "async"
    assert invoke(world, name, InvocationType="DryRun", Payload=json.dumps(str(dry)))[1]["StatusCode"] == 204
    answer = invoke(world, name, InvocationType="Event", Payload=json.dumps(str(asynchronous)))[1]
    assert answer["StatusCode"] == 202
    deadline = time.monotonic() + 20
    while not asynchronous.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert asynchronous.exists()
    assert not dry.exists()


def test_who_may_invoke_what(world: World) -> None:
    name = world.function("def handler(e, c): return 1", world.execution_role())
    arn = f"arn:aws:lambda:{TRUSTED.region}:{TRUSTED.id}:function:{name}"
    user = world.user(world.trusted, allow("lambda:InvokeFunction", arn))
    for spelt in (name, arn, f"{TRUSTED.id}:function:{name}"):
        assert outcome(user.client("lambda").invoke, FunctionName=spelt) == "allowed"
    stranger = world.user(world.trusted)
    seen = outcome(stranger.client("lambda").invoke, FunctionName=name)
    assert f"not authorized to perform: lambda:InvokeFunction on resource: {arn} because" in seen
    missing = outcome(world.trusted.client("lambda").invoke, FunctionName="not-there")
    assert missing.startswith("ResourceNotFoundException: Function not found: ")
    malformed = outcome(world.trusted.client("lambda").invoke, FunctionName=name, Payload=b"{")
    assert malformed.startswith("InvalidRequestContentException")


def test_a_role_that_lambda_may_not_assume_is_refused(world: World) -> None:
    not_for_lambda, _ = world.process()
    seen = outcome(world.function, "def handler(e, c): return 1", not_for_lambda)
    assert seen == "InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda."


def test_the_log_goes_to_the_log_group_if_the_role_may(world: World) -> None:
    logs = world.trusted.client("logs")
    for may, expected in (([allow("logs:*")], 1), ([], 0)):
        name = world.function("def handler(e, c): print('to the log')", world.execution_role(*may))
        logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
        invoke(world, name)
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        assert [e["message"] for e in events].count("to the log") == expected


def rule_with_target(world: World, code: str, *, allowed: bool, state: str = "ENABLED") -> str:
    name, rule = world.function(code, world.execution_role()), world.name("rule")
    events = world.trusted.client("events")
    arn = events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)", State=state)["RuleArn"]
    target = world.trusted.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target}])
    source = arn if allowed else f"{arn}-of-another-name"
    world.trusted.client("lambda").add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=source,
    )
    return rule


def test_a_schedule_fires_on_demand(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return e", allowed=True)
    (fired,) = world.sandbox.fire(rule)
    assert (fired.ran, fired.error) == (True, "")
    assert fired.payload["detail-type"] == "Scheduled Event"
    assert fired.payload["resources"] == [fired.rule]
    assert fired.rule.endswith(f"rule/{rule}")


def test_a_rule_without_permission_or_disabled_runs_nothing(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return e", allowed=False)
    (fired,) = world.sandbox.fire(rule)
    assert not fired.ran
    assert "because no resource-based policy allows the lambda:InvokeFunction action" in fired.error
    disabled = rule_with_target(world, "def handler(e, c): return e", allowed=True, state="DISABLED")
    assert world.sandbox.fire(disabled) == []


def test_a_schedule_fires_over_http(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return 'fired'", allowed=True)
    request = urllib.request.Request(f"{world.sandbox.endpoint}/sandbox/fire/{rule}", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http on loopback
        (fired,) = json.load(answer)
    assert fired["payload"] == "fired"
    missing = urllib.request.Request(f"{world.sandbox.endpoint}/sandbox/fire/not-there", method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(missing, timeout=5)  # noqa: S310
    assert error.value.code == 404


def inside(world: World) -> dict[str, str]:
    return {"TFDRIVER_SANDBOX": "1", "AWS_ENDPOINT_URL": world.sandbox.endpoint}


def test_the_command_tells_people_what_a_schedule_set_off(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    good = rule_with_target(world, "def handler(e, c): return {'written': 1}", allowed=True)
    fired = fire(good, inside(world))
    Output().result("sandbox", fired, print_sandbox)
    assert re.fullmatch(rf"{TRUSTED.id}:function:\S+ answered {{\"written\": 1}}\n", capsys.readouterr().out)
    bad = fire(rule_with_target(world, "def handler(e, c): raise ValueError('why')", allowed=True), inside(world))
    Output().result("sandbox", bad, print_sandbox)
    assert " failed: " in capsys.readouterr().out
    assert (fired.exit_code, bad.exit_code) == (0, 1)


def test_an_unknown_rule_is_told_with_those_there_are(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return e", allowed=True)
    with pytest.raises(TfdriverError, match=f"no event rule 'nothing-like-it' with a schedule is enabled.*{rule}"):
        fire("nothing-like-it", inside(world))


def test_firing_outside_of_a_sandbox_says_how_to_get_into_one() -> None:
    with pytest.raises(TfdriverError, match=r"works in a sandbox only.*`tfdriver sandbox`.*--fire bar"):
        fire("bar", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
