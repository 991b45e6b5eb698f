"""Events for the trusted role's function, and its replies."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, A, B
from tests.unit.verify.answers import Calls, error
from tests.unit.verify.test_attempts import CALLS, TABLE
from tfdriver.aws.calls import AwsError
from tfdriver.verify.attempts import trusted_round
from tfdriver.verify.outcome import OutcomeKind
from tfdriver.verify.probe_function import ProbeFunction
from tfdriver.verify.probes import FunctionProbe
from tfdriver.verify.write_check import Writing, write_check

PROBE = FunctionProbe(function_name="bar", region="eu-west-1", attempts=True)
CHECKS = trusted_round(FOO, BAR, CALLS)
OK = {"call": "", "ok": True, "code": "", "message": "", "status": 200, "request_id": "r"}


def answering(reply: Any, failed: bool = False):
    """Return a fake lambda:Invoke. reply: the payload, or a function of the event."""

    def invoke(FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  # boto3's names
        payload = reply(json.loads(Payload)) if callable(reply) else reply
        answer = {"Payload": io.BytesIO(json.dumps(payload).encode()), "ResponseMetadata": {"RequestId": "invoke-1"}}
        return answer | ({"FunctionError": "Unhandled"} if failed else {})

    return invoke


def outcomes(*first: dict[str, Any]):
    """Return a reply to attempts with these outcomes. All further attempts are allowed."""
    return {"outcomes": [*first, *[OK] * (len(CHECKS) - len(first))]}


def tried(reply: Any, failed: bool = False):
    aws = Calls(invoke=reply if isinstance(reply, Exception) else answering(reply, failed))
    return aws, ProbeFunction(aws, B, PROBE, FOO)(CHECKS)


def test_all_attempts_of_a_round_are_one_invocation_in_the_functions_region():
    aws, found = tried(lambda event: {"outcomes": [OK for _ in event["attempts"]]})
    assert aws.regions == ["eu-west-1"]
    ((_, request),) = aws.asked
    attempts = json.loads(request["Payload"])["attempts"]
    assert {a["role_arn"] for a in attempts} == {FOO.arn}
    assert [(a["call"], a["as"]) for a in attempts] == [
        ("sts:GetCallerIdentity", "itself"),
        ("sts:AssumeRole", "itself"),
        ("sts:GetCallerIdentity", "role"),
        ("dynamodb:PutItem", "role"),
        ("dynamodb:GetItem", "role"),
        ("dynamodb:Scan", "role"),
        ("dynamodb:PutItem", "itself"),
        ("sts:GetCallerIdentity", "itself"),
    ]
    assert {o.kind for o in found.values()} == {OutcomeKind.ALLOWED}


def test_a_refusal_counts_for_the_call_that_was_refused():
    denied = {**OK, "call": "sts:AssumeRole", "ok": False, "code": "AccessDenied", "message": "no", "status": 403}
    _, found = tried(outcomes(OK, denied, denied))

    assert found["assume"].kind is OutcomeKind.DENIED
    assert found["control-identity-as-role"].kind is OutcomeKind.UNKNOWN
    assert "sts:AssumeRole failed first" in found["control-identity-as-role"].message


def test_a_refusal_without_a_request_id_proves_nothing():
    """A function may catch every error and return AccessDenied."""
    denied = {**OK, "call": "sts:AssumeRole", "ok": False, "code": "AccessDenied", "message": "no", "status": 403}
    _, found = tried(outcomes(OK, denied | {"request_id": ""}))

    assert found["assume"].kind is OutcomeKind.UNKNOWN
    assert found["assume"].message == "the answer has no AWS request id: AccessDenied: no"


def test_a_call_that_the_function_cannot_make_is_untried():
    _, found = tried(outcomes({**OK, "ok": False, "code": "NotTried", "message": "cannot"}))
    assert (found["control-identity"].kind, found["control-identity"].message) == (OutcomeKind.UNTRIED, "cannot")


@pytest.mark.parametrize("reply", [{"written": []}, {"outcomes": []}, {"outcomes": [{}] * len(CHECKS)}, [], None])
def test_a_function_with_an_invalid_reply_proves_nothing(reply):
    _, found = tried(reply)

    assert {o.kind for o in found.values()} == {OutcomeKind.UNKNOWN}
    assert all('{"outcomes": [...]}' in o.message for o in found.values())


@pytest.mark.parametrize("reply", [error("AccessDeniedException", "", 403), error("TooManyRequestsException", "", 429)])
def test_a_function_that_cannot_be_invoked_proves_nothing(reply):
    _, found = tried(reply)
    assert {o.kind for o in found.values()} == {OutcomeKind.UNKNOWN}


def test_a_function_that_failed_proves_nothing_about_its_attempts():
    error = {"errorType": "AccessDenied", "errorMessage": "no"}
    _, found = tried(error, failed=True)

    assert {o.kind for o in found.values()} == {OutcomeKind.UNKNOWN}


class Table:
    """The table of the function. wrong: keys that the function reports wrongly."""

    def __init__(self, wrong: dict[str, Any] | None = None) -> None:
        self.items: dict[str, dict[str, str]] = {}
        self.wrong = wrong or {}
        self.event: dict[str, Any] = {}

    def write(self, event: dict[str, Any]) -> dict[str, Any]:
        self.event = event
        item = {"K": "key-1", "Probe": event["probe"]}
        self.items["key-1"] = item
        return {"written": [{"table_name": "T", "region": "us-west-2", "key": "key-1", "item": item} | self.wrong]}

    def get_item(self, TableName: str, Key: Any, ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert (TableName, ConsistentRead) == ("T", True)
        item = self.items.get(Key["K"]["S"])
        return {"Item": {name: {"S": text} for name, text in item.items()}} if item else {}

    def delete_item(self, TableName: str, Key: Any) -> dict[str, Any]:  # noqa: N803
        assert TableName == "T"
        self.items.pop(Key["K"]["S"], None)
        return {}


def wrote(table: Table, keep: bool = False, **replies: Any):
    given = {"invoke": answering(table.write), "get_item": table.get_item, "delete_item": table.delete_item}
    aws = Calls(**given | replies)
    writing = Writing(aws, ProbeFunction(aws, B, PROBE, FOO), FOO, TABLE, keep)
    (found,) = writing([write_check(FOO, BAR, TABLE)]).values()
    return aws, writing, found


def test_the_item_is_found_in_the_trusting_account_and_removed():
    table = Table()
    aws, writing, found = wrote(table)

    assert (found.kind, found.item_key) == (OutcomeKind.ALLOWED, "key-1")
    assert [method for method, _ in aws.asked] == ["invoke", "get_item", "delete_item"]
    assert aws.regions == ["eu-west-1", A.region, A.region]
    assert (table.items, writing.kept) == ({}, ())
    assert table.event["role_arn"] == FOO.arn


def test_the_item_can_be_kept():
    table = Table()
    _, writing, found = wrote(table, keep=True)

    assert found.kind is OutcomeKind.ALLOWED
    assert list(table.items) == ["key-1"]
    assert writing.kept == ("T/key-1",)


@pytest.mark.parametrize("wrong", [{"key": "other"}, {"item": {"K": "key-1"}}, {"item": None}])
def test_the_stored_item_must_equal_the_reported_one(wrong):
    _, _, found = wrote(Table(wrong))

    assert found.kind is OutcomeKind.BROKEN
    assert found.message.startswith("the function reports the item")


def test_an_item_without_the_mark_is_not_accepted():
    table = Table()
    _, _, found = wrote(table, invoke=answering(lambda event: table.write(event | {"probe": "mine"})))

    assert found.kind is OutcomeKind.BROKEN


def test_an_item_in_another_table_is_reported_and_kept():
    _, writing, found = wrote(Table({"table_name": "Other"}))

    assert found.kind is OutcomeKind.BROKEN
    assert writing.kept == ("Other/key-1",)


def test_an_item_that_cannot_be_removed_is_reported():
    table = Table()
    _, writing, found = wrote(table, delete_item=error("AccessDeniedException"))

    assert found.kind is OutcomeKind.ALLOWED
    assert writing.kept == ("T/key-1",)


def test_a_denied_read_proves_nothing_about_the_write():
    table = Table()
    _, _, found = wrote(table, get_item=error("AccessDeniedException"))

    assert found.kind is OutcomeKind.UNKNOWN
    assert found.message.startswith("reading the item")
    assert table.items == {}


TIMED_OUT = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 30.00 seconds"}
SERVER = {
    "errorType": "ClientError",
    "errorMessage": "An error occurred (InternalServerError) when calling the PutItem operation: x",
}


@pytest.mark.parametrize(
    "invoke",
    [
        AwsError("the connection was dropped"),
        error("ServiceException", "", 500),
        error("Whatever", "", 502),
        answering(TIMED_OUT, failed=True),
        answering(SERVER, failed=True),
        answering({"written": None}),
    ],
    ids=["dropped", "500", "502", "function timed out", "server failed", "does not say"],
)
def test_a_possible_item_is_reported_if_there_was_no_answer(invoke):
    _, writing, found = wrote(Table(), invoke=invoke)

    assert found.kind is not OutcomeKind.ALLOWED
    assert writing.perhaps == f"an item with '{writing.mark}' may be in T"
    assert writing.mark.startswith("tfdriver-verify-")


@pytest.mark.parametrize(
    "invoke", [error("AccessDeniedException", "", 403), error("TooManyRequestsException", "", 429)]
)
def test_a_function_that_did_not_run_wrote_no_item(invoke):
    _, writing, _ = wrote(Table(), invoke=invoke)
    assert writing.perhaps == ""


def test_a_refused_function_is_reported_with_awss_message():
    words = "An error occurred (AccessDenied) when calling the AssumeRole operation: User: bar"
    error = {"errorType": "ClientError", "errorMessage": words}

    aws, writing, found = wrote(Table(), invoke=answering(error, failed=True))

    assert (found.kind, found.message) == (OutcomeKind.DENIED, "AssumeRole: AccessDenied: User: bar")
    assert found.request_id == "invoke-1"
    assert [method for method, _ in aws.asked] == ["invoke"]
    assert (writing.kept, writing.perhaps) == ((), "")
