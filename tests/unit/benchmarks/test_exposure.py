"""The time for which a trust policy was broad, from lines of the sandbox's call log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.benchmarks.exposure import Exposure, exposure
from tests.benchmarks.projects import BROAD, EXACT


def call(second: float, action: str, role: str = "foo", policy: Any = None, status: int = 200) -> dict[str, Any]:
    text = json.dumps(policy) if policy else ""
    time = f"2026-01-01T00:00:{second:06.3f}Z"
    return {"time": time, "action": action, "resource": role, "trust_policy": text, "status": status}


def test_a_broad_trust_counts_until_it_is_exact():
    calls = [
        call(1, "CreateRole", policy=BROAD),
        call(2, "GetRole"),
        call(4.5, "UpdateAssumeRolePolicy", policy=EXACT),
        call(9, "GetRole"),
    ]

    assert exposure(calls) == Exposure(3.5, 1)


def test_the_longest_exposure_of_several_roles_counts():
    calls = [
        call(1, "CreateRole", "foo", BROAD),
        call(2, "CreateRole", "bar", BROAD),
        call(3, "UpdateAssumeRolePolicy", "foo", EXACT),
        call(7, "DeleteRole", "bar"),
        call(8, "CreateRole", "baz", EXACT),
    ]

    assert exposure(calls) == Exposure(5, 2)


def test_a_role_that_is_opened_again_counts_both_times():
    calls = [
        call(1, "CreateRole", policy=BROAD),
        call(2, "UpdateAssumeRolePolicy", policy=EXACT),
        call(3, "UpdateAssumeRolePolicy", policy=BROAD),
        call(5, "UpdateAssumeRolePolicy", policy=BROAD),
        call(6, "UpdateAssumeRolePolicy", policy=EXACT),
    ]

    assert exposure(calls) == Exposure(4, 1)


def test_an_open_trust_counts_until_the_last_call():
    assert exposure([call(1, "CreateRole", policy=BROAD), call(4, "GetRole")]) == Exposure(3, 1)


@pytest.mark.parametrize("calls", [[], [call(1, "CreateRole", policy=BROAD, status=400), call(9, "GetRole")]])
def test_calls_that_failed_expose_nothing(calls):
    assert exposure(calls) == Exposure(0, 0)
