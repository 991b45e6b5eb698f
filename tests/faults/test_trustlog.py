"""The check of I1 finds every call that widens a trust policy."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.trustlog import BY_HAND, loosened
from tfdriver.iam.trust import Trust, document

ROLE = "arn:aws:iam::111111111111:role/foo_bar"
BAR = "arn:aws:iam::222222222222:role/bar"
ROOT = "arn:aws:iam::222222222222:root"
SOON = datetime(2026, 1, 1, tzinfo=UTC)

GUARDED = Trust(frozenset({ROOT}), frozenset({BAR}), SOON)
LATER = Trust(frozenset({ROOT}), frozenset({BAR}), SOON + timedelta(hours=1))
OPEN = Trust(frozenset({ROOT}))
EXACT = Trust(frozenset({BAR}))
DEAD = Trust(frozenset({"AROAABCDEFGHIJKLMNOPQ"}))
CREATE, UPDATE, DELETE = "CreateRole", "UpdateAssumeRolePolicy", "DeleteRole"


def call(action: str, found: Trust | None = None, status: int | None = 200, fault: str = "", agent: str = "Terraform"):
    policy = json.dumps(document(found)) if found else ""
    entry = {"action": action, "resource": ROLE, "status": status, "fault": fault, "time": "now"}
    return entry | {"user_agent": agent, "trust_policy": policy}


@pytest.mark.parametrize(
    "calls",
    [
        [call(CREATE, GUARDED), call(UPDATE, EXACT), call(UPDATE, EXACT)],
        [call(CREATE, EXACT)],
        [call(CREATE, GUARDED), call(UPDATE, GUARDED)],
        [call(CREATE, GUARDED), call(DELETE), call(CREATE, LATER)],
        [call(CREATE, EXACT), call(UPDATE, GUARDED, status=403)],
        [call(CREATE, EXACT), call(UPDATE, OPEN, agent=BY_HAND), call(UPDATE, EXACT)],
        [call(CREATE, EXACT), call(UPDATE, DEAD, agent=BY_HAND), call(UPDATE, EXACT)],
    ],
)
def test_writes_that_do_not_widen_the_trust_are_allowed(calls):
    assert loosened(calls, ROLE, BAR) == []


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([call(CREATE, OPEN)], "allows"),
        ([call(CREATE, EXACT), call(UPDATE, GUARDED)], "deadline|not allow before"),
        ([call(CREATE, GUARDED), call(UPDATE, LATER)], "postponed"),
        ([call(CREATE, GUARDED), call(UPDATE, EXACT, None, "drop after"), call(UPDATE, GUARDED)], "not allow before"),
        ([call(CREATE, DEAD, agent=BY_HAND), call(UPDATE, GUARDED)], "not allow before"),
        ([call(CREATE, Trust(frozenset({ROOT}), frozenset({BAR})))], "no deadline"),
        ([call(CREATE, GUARDED), call(UPDATE, Trust(frozenset({BAR.replace("bar", "baz")})))], "allows"),
    ],
)
def test_writes_that_widen_the_trust_are_found(calls, words):
    (found,) = loosened(calls, ROLE, BAR)
    assert any(word in found for word in words.split("|")), found


def test_a_delayed_answer_counts_from_the_execution_of_its_call():
    made = call(CREATE, GUARDED, fault="wait_for after") | {"time": "1"}
    edited = call(UPDATE, EXACT, agent=BY_HAND) | {"time": "2"}
    assert loosened([edited, made], ROLE, BAR) == []
    assert loosened([edited | {"time": "0"}, made], ROLE, BAR) != []
