"""Temporary errors of AWS are retried; lasting ones are reported, and the next run succeeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults import contents, invariants
from tests.faults.scene import Scene, Start, opened

pytestmark = pytest.mark.faults

A, B = "111111111111", "222222222222"
THROTTLED = {"status": 400, "code": "Throttling", "message": "Rate exceeded"}
NO_PRINCIPAL = {
    "status": 400,
    "code": "MalformedPolicyDocument",
    "message": 'Invalid principal in policy: "AWS":"arn:aws:iam::222222222222:role/bar"',
}


def refused(scene: Scene, action: str, error: str) -> int:
    """The number of calls of an action that AWS refused with that error."""
    return sum((call["action"], call["error"]) == (action, error) for call in scene.world.calls())


def in_state(scene: Scene) -> str:
    """The text of the state of account_a."""
    return (scene.world.project / "compositions/account_a/terraform.tfstate").read_text()


def test_twenty_throttled_calls_in_phase_2_are_retried(starts: Mapping[str, Start], tmp_path: Path) -> None:
    """Several actions are throttled: for twenty errors of one action, the provider's pauses add up to minutes."""
    kinds = {"CreateRole": 4, "GetRole": 4, "ListRolePolicies": 3, "ListAttachedRolePolicies": 3}
    kinds |= {"PutRolePolicy": 3, "GetRolePolicy": 3}
    common = {"account": B, "agent": "Terraform", "error": THROTTLED}
    rules = [common | {"call": f"iam:{action}", "times": times} for action, times in kinds.items()]
    with opened(starts["broad"], tmp_path, rules) as scene:
        ended = scene.run("up")
        assert ended.code == 0, ended.text
        assert {action: refused(scene, action, "Throttling") for action in kinds} == kinds
        assert "was open, guarded, from" in ended.text
        assert scene.world.trusted() == ["arn:aws:iam::222222222222:role/bar"]


def test_an_invalid_principal_is_retried(starts: Mapping[str, Start], tmp_path: Path) -> None:
    rule = {"call": "iam:UpdateAssumeRolePolicy", "account": A, "error": NO_PRINCIPAL, "times": 3}
    with opened(starts["connected"], tmp_path, [rule]) as scene:
        ended = scene.run("tighten")
        assert ended.code == 0, ended.text
        assert refused(scene, "UpdateAssumeRolePolicy", "MalformedPolicyDocument") == 3
        assert scene.world.trusted() == ["arn:aws:iam::222222222222:role/bar"]


def test_a_principal_that_stays_invalid_is_reported_as_open_trust(starts: Mapping[str, Start], tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    rule = {"call": "iam:UpdateAssumeRolePolicy", "account": A, "error": NO_PRINCIPAL, "if": str(armed)}
    with opened(starts["connected"], tmp_path, [rule]) as scene:
        ended = scene.run("tighten")
        assert ended.code == 3, ended.text
        assert "Invalid principal" in ended.text
        invariants.check_open_trust_reported(ended, contents.read(scene.world))
        assert "222222222222:root" not in in_state(scene), (
            "the state has the broad trust: this test needs one that differs from IAM"
        )
        armed.unlink()
        retried = scene.run("tighten")
        assert retried.code == 0, retried.text
        assert scene.world.trusted() == ["arn:aws:iam::222222222222:role/bar"]
