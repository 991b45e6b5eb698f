"""Lambda functions run with the credentials of their execution role, and schedules fire."""

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
from tfdriver.cli.printer import Output
from tfdriver.cli.sandbox import print_sandbox
from tfdriver.cli.sandbox_run import fire
from tfdriver.errors import TfdriverError

pytestmark = pytest.mark.integration  # waits in real time, too long for `make check`

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
    return "assumed"
"""


def invoke(world: World, name: str, **more: Any) -> tuple[Any, dict[str, Any]]:
    response = world.trusted.client("lambda").invoke(FunctionName=name, **more)
    text = response["Payload"].read()
    return json.loads(text) if text else None, response


def test_code_runs_as_its_execution_role_in_a_clean_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "s3cret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    role = world.execution_role()
    name = world.function(WHO, role, Environment={"Variables": {"ROLE_ARN": "x", "AWS_REGION": "overridden"}})

    payload, response = invoke(world, name, LogType="Tail")

    assert payload["who"] == f"arn:aws:sts::{TRUSTED.id}:assumed-role/{role.rpartition('/')[2]}/{name}"
    assert "SECRET_OF_THE_HOST" not in payload["environment"]
    assert "AWS_MAX_ATTEMPTS" not in payload["environment"]
    assert payload["environment"]["ROLE_ARN"] == "x"
    assert payload["environment"]["AWS_REGION"] == TRUSTED.region
    assert payload["environment"]["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert 0 < payload["left"] <= 20_000
    assert response["ExecutedVersion"] == "$LATEST"
    log = base64.b64decode(response["LogResult"]).decode()
    assert f"hello from {name}\n" in log
    assert log.startswith("START RequestId: ")
    assert "LogResult" not in invoke(world, name)[1]


def test_code_can_assume_only_roles_that_trust_its_execution_role(world: World) -> None:
    role = world.execution_role(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(role))
    name = world.function(ASSUME, role, Environment={"Variables": {"ROLE_ARN": foo}})
    denied = world.role(world.trusting, trust(TRUSTED.id, Bool={"aws:SecureTransport": "false"}))
    other = world.function(ASSUME, role, Environment={"Variables": {"ROLE_ARN": denied}})

    assert invoke(world, name)[0] == "assumed"
    payload, response = invoke(world, other)
    assert response["FunctionError"] == "Unhandled"
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
def test_failures_are_returned_as_by_lambda(
    world: World, code: str, settings: dict[str, Any], error_type: str, message: str
) -> None:
    payload, response = invoke(world, world.function(code, world.execution_role(), **settings))

    assert response["StatusCode"] == 200
    assert response["FunctionError"] == "Unhandled"
    assert payload["errorType"] == error_type
    assert message in payload["errorMessage"]


def test_the_timeout_does_not_include_loading_the_code(world: World) -> None:
    code = "import time\ntime.sleep(1.2)\ndef handler(e, c): return 'done'"

    assert invoke(world, world.function(code, world.execution_role(), Timeout=1))[0] == "done"


def test_asynchronous_invocations_run_the_code_and_dry_runs_do_not(world: World, tmp_path: Any) -> None:
    code = "import pathlib\ndef handler(e, c): pathlib.Path(e).write_text('ran')"
    name = world.function(code, world.execution_role())
    dry, asynchronous = tmp_path / "dry", tmp_path / "async"

    assert invoke(world, name, InvocationType="DryRun", Payload=json.dumps(str(dry)))[1]["StatusCode"] == 204
    response = invoke(world, name, InvocationType="Event", Payload=json.dumps(str(asynchronous)))[1]
    assert response["StatusCode"] == 202
    deadline = time.monotonic() + 20
    while not asynchronous.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert asynchronous.exists()
    assert not dry.exists()


def test_invoke_requires_permission_a_function_and_a_valid_event(world: World) -> None:
    name = world.function("def handler(e, c): return 1", world.execution_role())
    arn = f"arn:aws:lambda:{TRUSTED.region}:{TRUSTED.id}:function:{name}"
    user = world.user(world.trusted, allow("lambda:InvokeFunction", arn))

    for identifier in (name, arn, f"{TRUSTED.id}:function:{name}"):
        assert outcome(user.client("lambda").invoke, FunctionName=identifier) == "allowed"
    denied = outcome(world.user(world.trusted).client("lambda").invoke, FunctionName=name)
    assert f"not authorized to perform: lambda:InvokeFunction on resource: {arn} because" in denied
    missing = outcome(world.trusted.client("lambda").invoke, FunctionName="not-there")
    assert missing.startswith("ResourceNotFoundException: Function not found: ")
    malformed = outcome(world.trusted.client("lambda").invoke, FunctionName=name, Payload=b"{")
    assert malformed.startswith("InvalidRequestContentException")


def test_an_execution_role_that_does_not_trust_lambda_is_rejected(world: World) -> None:
    role, _ = world.trusted_role()

    rejected = outcome(world.function, "def handler(e, c): return 1", role)

    assert rejected == "InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda."


@pytest.mark.parametrize(("permissions", "count"), [([allow("logs:*")], 1), ([], 0)])
def test_the_log_is_written_if_the_execution_role_allows_it(
    world: World, permissions: list[dict[str, Any]], count: int
) -> None:
    logs = world.trusted.client("logs")
    name = world.function("def handler(e, c): print('to the log')", world.execution_role(*permissions))
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")

    invoke(world, name)

    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert [event["message"] for event in events].count("to the log") == count


def rule_with_target(world: World, code: str, *, allowed: bool, state: str = "ENABLED") -> str:
    name, rule = world.function(code, world.execution_role()), world.name("rule")
    events = world.trusted.client("events")
    arn = events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)", State=state)["RuleArn"]
    target = world.trusted.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target}])
    world.trusted.client("lambda").add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=arn if allowed else f"{arn}-of-another-name",
    )
    return rule


def test_a_schedule_fires_on_demand(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return e", allowed=True)

    (fired,) = world.sandbox.fire(rule)

    assert (fired.ran, fired.error) == (True, "")
    assert fired.payload["detail-type"] == "Scheduled Event"
    assert fired.payload["resources"] == [fired.rule]
    assert fired.rule.endswith(f"rule/{rule}")


def test_a_rule_without_permission_does_not_run_its_target(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return e", allowed=False)

    (fired,) = world.sandbox.fire(rule)

    assert not fired.ran
    assert "because no resource-based policy allows the lambda:InvokeFunction action" in fired.error


def test_a_disabled_rule_does_not_fire(world: World) -> None:
    disabled = rule_with_target(world, "def handler(e, c): return e", allowed=True, state="DISABLED")

    assert world.sandbox.fire(disabled) == []


def test_a_schedule_fires_over_http(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return 'fired'", allowed=True)
    request = urllib.request.Request(f"{world.sandbox.endpoint}/sandbox/fire/{rule}", method="POST")  # noqa: S310

    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - http on loopback
        (fired,) = json.load(response)
    assert fired["payload"] == "fired"

    missing = urllib.request.Request(f"{world.sandbox.endpoint}/sandbox/fire/not-there", method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(missing, timeout=5)  # noqa: S310
    assert error.value.code == 404


def environment(world: World) -> dict[str, str]:
    return {"TFDRIVER_SANDBOX": "1", "AWS_ENDPOINT_URL": world.sandbox.endpoint}


def test_the_command_prints_the_results_of_the_targets(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    rule = rule_with_target(world, "def handler(e, c): return {'written': 1}", allowed=True)
    failing_rule = rule_with_target(world, "def handler(e, c): raise ValueError('why')", allowed=True)

    fired = fire(rule, environment(world))
    Output().result("sandbox", fired, print_sandbox)
    assert re.fullmatch(rf"function \S+ in account {TRUSTED.id} returned {{\"written\": 1}}\n", capsys.readouterr().out)
    assert fired.exit_code == 0

    failed = fire(failing_rule, environment(world))
    Output().result("sandbox", failed, print_sandbox)
    assert " failed: " in capsys.readouterr().out
    assert failed.exit_code == 1


def test_an_unknown_rule_is_reported_with_a_similar_rule(world: World) -> None:
    rule = rule_with_target(world, "def handler(e, c): return e", allowed=True)

    with pytest.raises(TfdriverError, match=f"no event rule 'nothing-like-it' with a schedule is enabled.*{rule}"):
        fire("nothing-like-it", environment(world))


def test_fire_outside_of_a_sandbox_is_an_error_with_a_hint() -> None:
    with pytest.raises(TfdriverError, match=r"works in a sandbox only.*`tfdriver sandbox`.*--fire bar"):
        fire("bar", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
