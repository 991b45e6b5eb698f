"""Errors that prove nothing about access are never reported as refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.functional.verify.scene import setup, verdicts
from tfdriver.deploy.verify_result import CheckStatus

pytestmark = pytest.mark.integration  # runs in real time, too long for `make check`

FROM_B = {"call": "sts:AssumeRole", "account": "222222222222"}


def error(status: int, code: str):
    return {"error": {"status": status, "code": code, "message": "please wait"}}


@pytest.mark.parametrize(
    "fault",
    [
        error(400, "Throttling"),
        error(500, "InternalFailure"),
        error(503, "ServiceUnavailable"),
        error(403, "ExpiredToken"),
        {"drop": True},
    ],
    ids=lambda fault: str(fault.get("error", {"code": "drop"})["code"]),
)
def test_the_intruders_call_never_counts_as_refused(monkeypatch, tmp_path: Path, fault):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"faults": [FROM_B | fault]}))
    with setup(monkeypatch, None, file) as made:
        made.states["bar"]["outputs"] = {"probes": {"value": {"bar": None}}}
        checks, _ = made.verify(limit=1)

    intruder = next(c for c in checks if c.name == "intruder")

    assert intruder.verdict is CheckStatus.INCONCLUSIVE
    assert "refused" not in repr(intruder)
    assert "AccessDenied" not in intruder.happened
    assert set(verdicts(checks).values()) == {CheckStatus.INCONCLUSIVE, CheckStatus.NOT_PROBED, CheckStatus.BY_POLICY}


def test_short_throttling_is_retried(monkeypatch, tmp_path: Path):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"faults": [FROM_B | error(400, "Throttling") | {"times": 4}]}))
    with setup(monkeypatch, None, file) as made:
        made.states["bar"]["outputs"] = {"probes": {"value": {"bar": None}}}
        checks, _ = made.verify(limit=30)

    intruder = next(c for c in checks if c.name == "intruder")

    assert intruder.verdict is CheckStatus.PASSED
    assert re.search(r"\d times in a row within \d\.\d s, from", intruder.happened)


def test_credentials_that_expire_between_the_controls_prove_nothing(monkeypatch, tmp_path: Path):
    """The refusal before the failing control may be a refusal of the credentials."""
    file = tmp_path / "faults.json"
    who = {"call": "sts:GetCallerIdentity", "account": "222222222222"}
    # The first call is the setup's, the second the control before the intruder, the third the control after it.
    file.write_text(json.dumps({"faults": [who | error(403, "ExpiredToken") | {"nth": 3}]}))
    with setup(monkeypatch, None, file) as made:
        made.states["bar"]["outputs"] = {"probes": {"value": {"bar": None}}}
        checks, _ = made.verify(limit=1)

    intruder = next(c for c in checks if c.name == "intruder")

    assert intruder.verdict is CheckStatus.INCONCLUSIVE
    assert "because of the control" in intruder.happened
