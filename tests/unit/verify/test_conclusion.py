"""The summary of all checks: exit code and changes."""

from __future__ import annotations

import pytest

from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus, Evidence
from tfdriver.errors import Exit
from tfdriver.verify.judge import hinted
from tfdriver.verify.verify import conclude

PAIR = CheckedRoles("foo_bar", "bar")


def check(verdict: CheckStatus, name: str = "write", **evidence: str) -> CheckResult:
    return CheckResult(PAIR, name, "tried", "allowed", "happened", verdict, Evidence(**evidence))


@pytest.mark.parametrize(
    ("verdict", "strict", "code"),
    [
        (CheckStatus.PASSED, False, Exit.DONE),
        (CheckStatus.PASSED, True, Exit.DONE),
        (CheckStatus.FAILED, False, Exit.FAILED),
        (CheckStatus.INCONCLUSIVE, False, Exit.FAILED),
        (CheckStatus.NOT_PROBED, False, Exit.DONE),
        (CheckStatus.NOT_PROBED, True, Exit.FAILED),
        (CheckStatus.BY_POLICY, False, Exit.DONE),
        (CheckStatus.BY_POLICY, True, Exit.FAILED),
    ],
)
def test_only_passed_checks_are_a_success(verdict, strict, code):
    found = conclude([check(CheckStatus.PASSED), check(verdict)], (), strict=strict)
    assert found.exit_code is code


def test_the_summary_counts_verdicts():
    found = conclude(
        [check(CheckStatus.PASSED), check(CheckStatus.NOT_PROBED), check(CheckStatus.PASSED)], (), strict=False
    )
    assert found.summary == "3 checks: 2 passed, 1 not probed"


@pytest.mark.parametrize(
    ("checks", "left", "words"),
    [
        ([check(CheckStatus.FAILED)], (), "Verifying changed nothing"),
        ([check(CheckStatus.PASSED, item_key="k")], (), "nothing but the probe's items, which it removed"),
        ([check(CheckStatus.PASSED, item_key="k")], ("T/k",), "which were not removed: T/k"),
    ],
)
def test_remaining_items_are_reported(checks, left, words):
    assert conclude(checks, left, strict=False).changed.endswith(words)


def test_items_that_may_remain_are_reported():
    perhaps = "an item with 'tfdriver-verify-1' may be in T"
    found = conclude([check(CheckStatus.INCONCLUSIVE)], (), (perhaps,), strict=False)
    assert found.changed == f"Verifying changed nothing but the probe's items, {perhaps}"
    assert found.left_behind == (perhaps,)
    both = conclude([check(CheckStatus.INCONCLUSIVE)], ("T/k",), (perhaps,), strict=False)
    assert both.changed.endswith(f"which were not removed: T/k; {perhaps}")


def test_a_refused_function_whose_role_is_allowed_gets_a_hint():
    denied = check(CheckStatus.FAILED, said="AssumeRole: AccessDenied: no")
    alone, _ = hinted([denied, check(CheckStatus.FAILED, "assume")])
    assert alone == denied
    explained, _ = hinted([denied, check(CheckStatus.PASSED, "assume")])
    assert "another external id" in explained.happened
    other, _ = hinted(
        [check(CheckStatus.FAILED, said="PutItem: AccessDenied: no"), check(CheckStatus.PASSED, "assume")]
    )
    assert other.happened == "happened"
