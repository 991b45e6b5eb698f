"""Fault injection, before or after a chosen call."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, HTTPClientError

from tests.functional.sandbox.world import TRUSTED, Caller, admin, outcome, policy, trust
from tfdriver.errors import TfdriverError
from tfdriver.sandbox.start import start
from tfdriver.spec.model import Account

pytestmark = pytest.mark.integration  # waits in real time, too long for `make check`

ONE = Account(name="one", id="818181818181", profile="one", region="us-west-2", partition="aws")
TWO = Account(name="two", id="919191919191", profile="two", region="us-west-2", partition="aws")
CLOSED = (ConnectionClosedError, HTTPClientError)


@contextmanager
def admins(folder: Path, *rules: dict[str, Any]) -> Iterator[tuple[Caller, Caller]]:
    """Start a sandbox with faults. Yields the admins of its two accounts."""
    file = folder / "faults.yaml"
    file.write_text(json.dumps({"faults": rules}))
    with start([ONE, TWO], faults=file, log=folder / "log") as sandbox:
        yield admin(sandbox, ONE), admin(sandbox, TWO)


def create_role(admin: Caller, name: str = "foo") -> str:
    create = admin.client("iam").create_role
    return outcome(create, RoleName=name, AssumeRolePolicyDocument=policy(trust(TWO.id)))


def roles(admin: Caller) -> list[str]:
    return [role["RoleName"] for role in admin.client("iam").list_roles()["Roles"]]


def faults_logged(folder: Path) -> list[str]:
    lines = (folder / "log").read_text().splitlines()
    return [entry["fault"] for entry in map(json.loads, lines) if entry["fault"]]


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [("iam", "list_roles", "Throttling"), ("dynamodb", "list_tables", "ThrottlingException")],
)
def test_a_fault_returns_an_error(tmp_path: Path, service: str, operation: str, code: str) -> None:
    error = {"status": 400, "code": "Throttling", "message": "Rate exceeded"}
    with admins(tmp_path, {"call": f"{service}:*", "error": error, "times": 2}) as (one, _):
        call = getattr(one.client(service), operation)
        outcomes = [outcome(call) for _ in range(3)]

    assert outcomes == [f"{code}: Rate exceeded"] * 2 + ["allowed"]
    assert faults_logged(tmp_path) == ["error before"] * 2


def test_a_fault_before_prevents_the_call_and_a_fault_after_does_not(tmp_path: Path) -> None:
    error = {"status": 500, "code": "ServiceFailure", "message": "sorry"}
    rules = [{"call": "iam:CreateRole", "nth": 1, "error": error}]
    rules += [{"call": "iam:CreateRole", "nth": 2, "when": "after", "error": error}]

    with admins(tmp_path, *rules) as (one, _):
        assert create_role(one, "first") == "ServiceFailure: sorry"
        assert roles(one) == []
        assert create_role(one, "second") == "ServiceFailure: sorry"
        assert roles(one) == ["second"]


@pytest.mark.parametrize(("when", "created"), [("before", []), ("after", ["foo"])])
def test_a_fault_drops_the_connection(tmp_path: Path, when: str, created: list[str]) -> None:
    with admins(tmp_path, {"call": "iam:CreateRole", "nth": 1, "drop": True, "when": when}) as (one, _):
        with pytest.raises(CLOSED):
            create_role(one)
        assert roles(one) == created

    assert faults_logged(tmp_path) == [f"drop {when}"]


def test_a_rule_with_an_account_applies_to_its_calls_only(tmp_path: Path) -> None:
    error = {"status": 403, "code": "AccessDenied"}

    with admins(tmp_path, {"call": "iam:ListRoles", "account": TWO.id, "error": error}) as (one, two):
        assert outcome(one.client("iam").list_roles) == "allowed"
        assert outcome(two.client("iam").list_roles) == "AccessDenied: AccessDenied"


def test_a_delay_after_a_call_delays_the_response_and_touch_marks_its_start(tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    rule = {"call": "iam:CreateRole", "when": "after", "delay": 1.5, "touch": str(reached)}

    with admins(tmp_path, rule) as (one, _):
        started = time.monotonic()
        call = threading.Thread(target=create_role, args=(one,))
        call.start()
        while not reached.exists() and time.monotonic() < started + 10:
            time.sleep(0.01)
        assert roles(one) == ["foo"], "the role exists before the response is sent"
        assert call.is_alive()
        call.join()
        assert time.monotonic() - started >= 1.5


def test_wait_for_delays_a_call_until_the_file_exists(tmp_path: Path) -> None:
    go, reached = tmp_path / "go", tmp_path / "reached"
    rule = {"call": "iam:CreateRole", "wait_for": str(go), "touch": str(reached)}

    with admins(tmp_path, rule) as (one, _):
        call = threading.Thread(target=create_role, args=(one,))
        call.start()
        while not reached.exists():
            time.sleep(0.01)
        assert roles(one) == []
        go.touch()
        call.join(10)
        assert roles(one) == ["foo"]


def test_a_rule_applies_only_while_its_file_exists_and_to_its_user_agent(tmp_path: Path) -> None:
    error = {"status": 403, "code": "AccessDenied"}
    armed = tmp_path / "armed"
    rules = [{"call": "iam:ListRoles", "agent": "Boto3", "if": str(armed), "error": error}]
    rules += [{"call": "iam:ListUsers", "agent": "Terraform", "error": error}]

    with admins(tmp_path, *rules) as (one, _):
        assert outcome(one.client("iam").list_roles) == "allowed"
        armed.touch()
        assert outcome(one.client("iam").list_roles).startswith("AccessDenied")
        assert outcome(one.client("iam").list_users) == "allowed"
        armed.unlink()
        assert outcome(one.client("iam").list_roles) == "allowed"


def test_touch_alone_does_not_change_the_result(tmp_path: Path) -> None:
    reached = tmp_path / "reached"

    with admins(tmp_path, {"call": "iam:CreateRole", "touch": str(reached)}) as (one, _):
        assert create_role(one) == "allowed"

    assert reached.exists()


def test_a_call_that_hangs_ends_with_the_sandbox(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def hang(admin: Caller) -> None:
        try:
            create_role(admin)
        except CLOSED as error:
            failures.append(error)

    with admins(tmp_path, {"call": "iam:CreateRole", "hang": True}) as (one, two):
        call = threading.Thread(target=hang, args=(one,))
        call.start()
        assert outcome(two.client("iam").list_roles) == "allowed", "other calls are answered"
        call.join(0.2)
        assert call.is_alive()

    call.join(10)
    assert len(failures) == 1


@pytest.mark.parametrize(("expire", "later"), [(True, "ExpiredToken"), (0.3, "allowed")])
def test_a_fault_expires_credentials(tmp_path: Path, expire: bool | float, later: str) -> None:
    with admins(tmp_path, {"call": "iam:CreateRole", "nth": 1, "expire": expire}) as (one, two):
        assert create_role(one).startswith("ExpiredToken: ")
        assert outcome(one.client("sts").get_caller_identity).startswith("ExpiredToken: ")
        assert outcome(one.client("dynamodb").list_tables).startswith("ExpiredTokenException: ")
        assert create_role(two) == "allowed"
        time.sleep(0.35)
        assert create_role(one).startswith(later)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("faults: [", "cannot read the faults"),
        ("[]", "`faults:` with a list of rules is missing"),
        ("faults: [{error: {status: 400, code: X}}]", "rule 1: `call: service:operation` is missing"),
        ("faults: [{call: 'iam:*', drop: true, hang: true}]", "exactly one of"),
        ("faults: [{call: 'iam:*'}]", "exactly one of"),
        ("faults: [{call: 'iam:*', drop: before}]", "`drop` has an invalid value"),
        ("faults: [{call: 'iam:*', error: {status: 400}}]", "`error` has an invalid value"),
        ("faults: [{call: 'iam:*', delay: -1}]", "`delay` has an invalid value"),
        ("faults: [{call: 'iam:*', wait_for: 3}]", "`wait_for` has an invalid value"),
        ("faults: [{call: 'iam:*', drop: true, when: later}]", "`when` is neither"),
        ("faults: [{call: 'iam:*', drop: true, nth: 0}]", "`nth` is not a positive integer"),
        ("faults: [{call: 'iam:*', drop: true, ntth: 1}]", "unknown key ntth"),
    ],
)
def test_an_invalid_file_is_rejected_with_file_and_rule(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(content)

    with pytest.raises(TfdriverError) as error, start([ONE], faults=file):
        pass

    assert message in str(error.value)
    assert str(file) in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TfdriverError, match="cannot read the faults"), start([TRUSTED], faults=tmp_path / "no"):
        pass
