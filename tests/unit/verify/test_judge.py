"""Verdicts: passed, failed, inconclusive and not probed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.builders import BAR, FOO
from tests.unit.verify.answers import ALLOWED, DENIED, THROTTLED, as_expected
from tests.unit.verify.test_attempts import CALLS, TABLE
from tfdriver.aws.calls import Answer
from tfdriver.deploy.verify_result import CheckedRoles, CheckStatus
from tfdriver.verify import judge
from tfdriver.verify.attempts import REFUSED_FOR, Check, intruder_round, trusted_round
from tfdriver.verify.outcome import CallOutcome, OutcomeKind, from_answer
from tfdriver.verify.write_check import write_check
from tfdriver.waiting import Held

INTRUDER = intruder_round(FOO, BAR)
FUNCTION = trusted_round(FOO, BAR, CALLS)
GONE = CallOutcome(OutcomeKind.BROKEN, "ResourceNotFoundException: no table", "ResourceNotFoundException")
UNTRIED = CallOutcome(OutcomeKind.UNTRIED, "this function cannot try it")


def judged(checks: tuple[Check, ...], name: str, streak: int = 3, **outcomes: CallOutcome):
    by_name = {c.name: c for c in checks}
    found = as_expected(checks, **outcomes)
    held = Held(streak, 0.0, 3.5, last=3.0)
    return judge.result(CheckedRoles("foo_bar", "bar"), by_name[name], by_name, found, held, 3)


def test_refused_three_times_with_controls_is_passed():
    found = judged(INTRUDER, "intruder")

    assert (found.verdict, found.happened, found.expected) == (
        CheckStatus.PASSED,
        "AccessDenied, 3 times in a row within 3.0 s",
        "AccessDenied",
    )
    assert found.evidence.request_id == "id of intruder"
    assert found.seconds == 3.5


def test_an_allowed_intruder_is_failed():
    assert judged(INTRUDER, "intruder", 0, intruder=ALLOWED).verdict is CheckStatus.FAILED


@pytest.mark.parametrize("other", [THROTTLED, GONE, CallOutcome(OutcomeKind.UNKNOWN, "no answer")])
def test_anything_but_access_denied_never_counts_as_refused(other):
    found = judged(INTRUDER, "intruder", 0, intruder=other)

    assert found.verdict is CheckStatus.INCONCLUSIVE
    assert found.happened == other.message
    assert "refused" not in found.happened


@pytest.mark.parametrize("control", ["control_identity", "control_identity_after", "control_permitted"])
@pytest.mark.parametrize("outcome", [THROTTLED, DENIED, GONE])
def test_a_refusal_without_its_control_is_inconclusive(control, outcome):
    found = judged(INTRUDER, "intruder", 0, **{control: outcome})

    assert found.verdict is CheckStatus.INCONCLUSIVE
    assert "because of the control" in found.happened
    assert outcome.message in found.happened


def test_an_allowed_intruder_is_failed_whatever_its_controls():
    found = judged(INTRUDER, "intruder", 0, intruder=ALLOWED, control_identity=THROTTLED)
    assert found.verdict is CheckStatus.FAILED


def test_refused_twice_is_not_enough():
    assert judged(INTRUDER, "intruder", 2).verdict is CheckStatus.INCONCLUSIVE


def test_a_call_that_fails_only_on_its_condition_is_allowed():
    """A probe writes under a condition that never holds."""
    allowed = from_answer(Answer("ConditionalCheckFailedException", "The conditional request failed", 400, "r"))
    found = judged(FUNCTION, "not-granted dynamodb:Scan", 0, not_granted_dynamodb_Scan=allowed)

    assert found.verdict is CheckStatus.FAILED
    assert found.happened == "allowed (AWS authorized the call, which then failed as intended)"
    assert found.evidence.said == "ConditionalCheckFailedException: The conditional request failed"
    assert judged(FUNCTION, "granted dynamodb:PutItem", granted_dynamodb_PutItem=allowed).verdict is CheckStatus.PASSED


def test_the_written_item_is_named():
    (write,) = checks = (write_check(FOO, BAR, TABLE),)
    found = judge.result(
        CheckedRoles("a", "b"),
        write,
        {},
        as_expected(checks, write=CallOutcome(OutcomeKind.ALLOWED, item_key="k-1")),
        Held(1),
        1,
    )

    assert found.happened == "allowed, and the item k-1 was found"


@pytest.mark.parametrize(("outcome", "verdict"), [(DENIED, "failed"), (GONE, "failed"), (THROTTLED, "inconclusive")])
def test_an_expected_call_that_fails_is_not_passed(outcome, verdict):
    found = judged(FUNCTION, "granted dynamodb:PutItem", 0, granted_dynamodb_PutItem=outcome)
    assert (found.verdict, found.happened) == (verdict, outcome.message)


def test_an_untried_call_is_not_probed():
    found = judged(FUNCTION, "not-granted dynamodb:Scan", 0, not_granted_dynamodb_Scan=UNTRIED)
    assert (found.verdict, found.happened) == (CheckStatus.NOT_PROBED, UNTRIED.message)


@pytest.mark.parametrize("control", ["granted_dynamodb_PutItem", "control_identity_as_role"])
def test_a_refusal_with_an_untried_control_is_not_probed(control):
    found = judged(FUNCTION, "not-granted dynamodb:Scan", 0, **{control: UNTRIED})
    assert found.verdict is CheckStatus.NOT_PROBED
    assert found.happened.endswith(UNTRIED.message)
    checks = {c.name: c for c in FUNCTION}
    outcomes = as_expected(FUNCTION, **{control: UNTRIED})
    found_look = judge.judge_look(checks["not-granted dynamodb:Scan"], checks, outcomes, patient=True)
    assert (found_look.good, found_look.hopeless) == (False, True)


def test_a_refusal_without_the_table_is_inconclusive():
    found = judged(FUNCTION, "not-granted dynamodb:Scan", 0, granted_dynamodb_PutItem=GONE)
    assert found.verdict is CheckStatus.INCONCLUSIVE


def test_the_waiting_time_is_reported_if_there_was_any():
    by_name = {c.name: c for c in INTRUDER}
    held = Held(3, 12.34, 16.0, waited=True, last=15.5)

    found = judge.result(CheckedRoles("a", "b"), by_name["intruder"], by_name, as_expected(INTRUDER), held, 3)

    assert found.happened == "AccessDenied, 3 times in a row within 3.2 s, from 12.3 s on"


def test_refusals_must_last_and_allowed_calls_need_not():
    by_name = {c.name: c for c in FUNCTION}
    quick, outcomes = Held(3, 0.0, 0.6, last=0.5), as_expected(FUNCTION)
    refused = judge.result(CheckedRoles("a", "b"), by_name["direct dynamodb:PutItem"], by_name, outcomes, quick, 3)
    assert refused.verdict is CheckStatus.INCONCLUSIVE
    assert refused.happened == "AccessDenied, but only 3 times in a row within 0.5 s"
    allowed = judge.result(CheckedRoles("a", "b"), by_name["assume"], by_name, outcomes, quick, 3)
    assert (allowed.verdict, allowed.happened) == (CheckStatus.PASSED, "allowed, 3 times in a row")


def test_only_refusals_have_a_minimum_time():
    by_name = {c.name: c for c in FUNCTION}
    spans = {n: judge.judge_look(c, by_name, as_expected(FUNCTION), patient=True).span for n, c in by_name.items()}

    assert (spans["assume"], spans["direct dynamodb:PutItem"]) == (0.0, REFUSED_FOR)


def look(patient: bool, **outcomes: CallOutcome):
    by_name = {c.name: c for c in INTRUDER}
    return judge.judge_look(by_name["intruder"], by_name, as_expected(INTRUDER, **outcomes), patient=patient)


def test_waiting_stops_early_where_it_cannot_help():
    assert look(True).good
    assert not look(True, intruder=ALLOWED).hopeless
    assert look(False, intruder=ALLOWED).hopeless
    assert look(False, intruder=replace(THROTTLED, code="AccessDenied")).hopeless
    assert not look(True, intruder=replace(THROTTLED, code="AccessDenied")).hopeless
    assert not look(False, intruder=THROTTLED).hopeless
    assert look(True, intruder=GONE).hopeless
    assert look(True, intruder=replace(THROTTLED, code="ExpiredToken")).hopeless
    assert not look(True, control_identity=THROTTLED).good
    assert not look(True, control_identity=THROTTLED).hopeless
