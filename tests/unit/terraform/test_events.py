"""Events in Terraform's `-json` output."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.builders import DEEP
from tfdriver.terraform.events import Changes, RolesDone, outcome, parse_line

VERSION = '{"@level":"info","@message":"Terraform 1.11.4","type":"version","terraform":"1.11.4","ui":"1.2"}'
DONE = (
    '{"@message":"aws_iam_role.r: Creation complete after 1s","type":"apply_complete","hook":{"resource":'
    '{"addr":"module.foo.aws_iam_role.r"},"action":"create","elapsed_seconds":1}}'
)
OUTPUTS = '{"@message":"Outputs: 1","type":"outputs","outputs":{"arn":{"sensitive":false,"type":"string","value":"x"}}}'


def summary(operation, add=2, **more):
    changes = {"add": add, "change": 0, "remove": 0, "operation": operation, **more}
    return json.dumps({"@message": "", "type": "change_summary", "changes": changes})


def error(summary_text, detail=""):
    diagnostic = {"severity": "error", "summary": summary_text, "detail": detail, "address": "aws_iam_role.r"}
    return json.dumps({"@message": summary_text, "type": "diagnostic", "diagnostic": diagnostic})


def parsed(*lines):
    return [event for line in lines if (event := parse_line(line))]


def test_a_resource_event():
    (event,) = parsed(DONE)
    assert (event.type, event.address, event.action, event.seconds) == (
        "apply_complete",
        "module.foo.aws_iam_role.r",
        "create",
        1.0,
    )


def test_only_the_final_summary_counts():
    before = outcome(parsed(VERSION, summary("plan")), "apply")
    after = outcome(parsed(VERSION, summary("plan"), summary("apply", add=1, **{"import": 1}), OUTPUTS), "apply")
    assert before.changes is None
    assert after.changes == Changes(2, 0, 0)
    assert after.outputs == {"arn": "x"}


def test_errors_are_one_line_with_their_address():
    result = outcome(parsed(error("creating IAM Role", "two\nlines")), "apply")
    assert [str(e) for e in result.errors] == ["aws_iam_role.r: creating IAM Role: two lines"]


def test_every_truncated_line_is_ignored():
    for end in range(len(DONE)):
        assert parse_line(DONE[:end]) is None


@given(st.text())
def test_garbage_is_ignored(text):
    assert parse_line(text) is None


@pytest.mark.parametrize(
    "line",
    [
        DEEP,
        '{"type": "apply_start", "@message": "m", "hook": "h"}',
        '{"type": "apply_start", "@message": "m", "hook": {"resource": 5}}',
        '{"type": "apply_complete", "@message": "m", "hook": {"elapsed_seconds": "long"}}',
    ],
)
def test_a_line_that_is_not_an_event_is_ignored(line):
    assert parse_line(line) is None


def change(kind, action, address="aws_iam_role.r", resource_type="aws_iam_role"):
    resource = {"addr": address, "resource_type": resource_type}
    key = "change" if kind in ("planned_change", "resource_drift") else "hook"
    return json.dumps({"@message": "", "type": kind, key: {"resource": resource, "action": action}})


def ready_after(planned, *lines):
    """The number of the line after which no change of a role is pending; None if there is none. planned: a plan's."""
    found = []
    follow_roles = RolesDone(parsed(*planned), lambda: found.append(True))
    for number, event in enumerate(parsed(*lines)):
        follow_roles(event)
        if found:
            return number
    return None


def test_a_role_is_pending_until_its_change_is_complete():
    function = ("apply_start", "create", "aws_lambda_function.f", "aws_lambda_function")
    planned = change("planned_change", "create"), change("planned_change", "create", *function[2:])
    lines = change("apply_start", "create"), change("apply_complete", "create"), change(*function)

    assert ready_after(planned, *lines) == 1


def test_without_a_planned_change_of_a_role_none_is_pending():
    assert ready_after([], VERSION, summary("apply")) == 0


def test_a_role_that_is_replaced_is_pending_until_it_is_deleted_and_created():
    planned = [change("planned_change", "replace")]

    assert ready_after(planned, change("apply_complete", "delete"), change("apply_complete", "create")) == 1


def test_a_role_whose_change_failed_stays_pending():
    assert ready_after([change("planned_change", "update")], change("apply_errored", "update")) is None


def planned_outputs(action):
    return json.dumps({"@message": "", "type": "outputs", "outputs": {"arn": {"sensitive": False, "action": action}}})


@pytest.mark.parametrize(
    ("lines", "nothing"),
    [
        ([], True),
        ([change("planned_change", "noop"), planned_outputs("noop")], True),
        ([change("resource_drift", "update")], True),
        ([change("resource_drift", "delete")], False),
        ([planned_outputs("update")], False),
        ([change("planned_change", "read")], False),
        ([change("planned_change", "update")], False),
    ],
)
def test_whether_a_plan_changes_nothing(lines, nothing):
    assert outcome(parsed(*lines, summary("plan", add=0)), "plan").changes_nothing is nothing


def test_a_plan_without_a_summary_may_change_something():
    assert not outcome(parsed(VERSION), "plan").changes_nothing
