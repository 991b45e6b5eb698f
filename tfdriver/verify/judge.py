"""Turns outcomes into verdicts. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus, Evidence
from tfdriver.verify.attempts import WRITE, Check
from tfdriver.verify.outcome import CallOutcome, OutcomeKind
from tfdriver.waiting import Held, Look

Outcomes = Mapping[str, CallOutcome]


def judge_look(check: Check, controls: Mapping[str, Check], outcomes: Outcomes, *, patient: bool) -> Look:
    """Return whether a check and its controls had the expected outcomes.

    patient: whether the policies in IAM are correct, so that an unexpected outcome may be a delay.
    """
    failed = failed_control(check, controls, outcomes)
    own = outcomes[check.name]
    if own.kind is check.expected and failed is None:
        return Look(good=True, span=check.span)
    unexpected = outcomes[failed.name] if failed and own.kind is check.expected else own
    hopeless = not unexpected.may_change or (not patient and not unexpected.transient)
    return Look(good=False, hopeless=hopeless)


def failed_control(check: Check, controls: Mapping[str, Check], outcomes: Outcomes) -> Check | None:
    """Return the first control of a check that was not allowed, None if all were."""
    return next((controls[name] for name in check.controls if outcomes[name].kind is not OutcomeKind.ALLOWED), None)


def result(
    pair: CheckedRoles, check: Check, controls: Mapping[str, Check], outcomes: Outcomes, held: Held, in_a_row: int
) -> CheckResult:
    """Return the verdict on a check from its last outcomes and from the number of expected ones in a row."""
    own = outcomes[check.name]
    verdict, happened = _verdict(check, own, failed_control(check, controls, outcomes), outcomes, held, in_a_row)
    evidence = Evidence(own.request_id, own.item_key, own.message)
    seconds = round(held.seconds, 3)
    return CheckResult(
        pair,
        name=check.name,
        tried=check.tried,
        expected=str(check.expected),
        happened=happened,
        verdict=verdict,
        evidence=evidence,
        seconds=seconds,
    )


def hinted(checks: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the checks, with a hint where a function is refused although its role is allowed."""
    may_assume = {check.pair for check in checks if check.name == "assume" and check.verdict is CheckStatus.PASSED}
    hint = "With the external id in the spec the call is allowed, so the function sends another external id or none"
    return [
        replace(check, happened=f"{check.happened}. {hint}")
        if check.name == WRITE
        and check.pair in may_assume
        and check.verdict is CheckStatus.FAILED
        and check.evidence.said.startswith("AssumeRole: AccessDenied")
        else check
        for check in checks
    ]


def _verdict(
    check: Check, own: CallOutcome, failed: Check | None, outcomes: Outcomes, held: Held, in_a_row: int
) -> tuple[CheckStatus, str]:
    if own.kind is OutcomeKind.UNTRIED:
        return CheckStatus.NOT_PROBED, own.message
    if own.kind is not check.expected:
        definite = own.kind is OutcomeKind.ALLOWED or (
            check.expected is OutcomeKind.ALLOWED and own.kind is not OutcomeKind.UNKNOWN
        )
        happened = own.message or str(own.kind)
        if own.kind is OutcomeKind.ALLOWED:
            # Some probes make calls that fail, for example a write under a condition that never holds. AWS returns
            # this error only for authorized calls.
            happened = "allowed (AWS authorized the call, which then failed as intended)" if own.message else "allowed"
        return (CheckStatus.FAILED if definite else CheckStatus.INCONCLUSIVE), happened
    if failed is not None:
        control = outcomes[failed.name]
        verdict = CheckStatus.NOT_PROBED if control.kind is OutcomeKind.UNTRIED else CheckStatus.INCONCLUSIVE
        return verdict, f"not conclusive, because of the control: {failed.tried}: {control.message}"
    often = f"{held.streak} times in a row" + (f" within {held.last - held.first:.1f} s" if check.span else "")
    if not held.enough(in_a_row, check.span):
        return CheckStatus.INCONCLUSIVE, f"{own.kind}, but only {often}"
    found = f", and the item {own.item_key} was found" if own.item_key else ""
    after = f", from {held.first:.1f} s on" if held.waited else ""
    return CheckStatus.PASSED, f"{own.kind}{f', {often}' if in_a_row > 1 else ''}{found}{after}"
