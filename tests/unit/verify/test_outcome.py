"""Outcomes of calls, from answers and error messages."""

from __future__ import annotations

import pytest

from tfdriver.aws.calls import Answer
from tfdriver.verify import outcome
from tfdriver.verify.outcome import OutcomeKind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer("AccessDenied", "no", 403), OutcomeKind.DENIED),
        (Answer("AccessDeniedException", "no", 400), OutcomeKind.DENIED),
        (Answer("AccessDenied", "no", 503), OutcomeKind.UNKNOWN),
        (Answer("Throttling", "slow", 400), OutcomeKind.UNKNOWN),
        (Answer("ThrottlingException", "slow", 400), OutcomeKind.UNKNOWN),
        (Answer("WhoKnows", "slow", 429), OutcomeKind.UNKNOWN),
        (Answer("InternalFailure", "oh", 500), OutcomeKind.UNKNOWN),
        (Answer("500", "", 500), OutcomeKind.UNKNOWN),
        (Answer("ServiceUnavailable", "", 503), OutcomeKind.UNKNOWN),
        (Answer("ExpiredToken", "", 403), OutcomeKind.UNKNOWN),
        (Answer("ExpiredTokenException", "", 400), OutcomeKind.UNKNOWN),
        (Answer("InvalidClientTokenId", "", 403), OutcomeKind.UNKNOWN),
        (Answer("SignatureDoesNotMatch", "", 403), OutcomeKind.UNKNOWN),
        (Answer(), OutcomeKind.UNKNOWN),
        (Answer("ConditionalCheckFailedException", "", 400), OutcomeKind.ALLOWED),
        (Answer("ResourceNotFoundException", "", 400), OutcomeKind.BROKEN),
        (Answer("ValidationError", "", 400), OutcomeKind.BROKEN),
    ],
)
def test_only_access_denied_is_a_refusal(answer, kind):
    assert outcome.from_answer(answer).kind is kind


@pytest.mark.parametrize(
    ("code", "may_change"), [("AccessDenied", True), ("Throttling", True), ("ExpiredToken", False), ("NotFound", False)]
)
def test_retrying_helps_only_against_delays_and_throttling(code, may_change):
    assert outcome.from_answer(Answer(code, "", 400)).may_change is may_change


def test_a_failed_call_has_a_reason():
    assert outcome.from_answer(Answer(), "AWS cannot be reached").message == "AWS cannot be reached"
    assert outcome.from_answer(Answer("Throttling", "Rate exceeded", 400, "r")).message == "Throttling: Rate exceeded"


@pytest.mark.parametrize(
    ("error_type", "message", "kind", "text"),
    [
        (
            "ClientError",
            "An error occurred (AccessDenied) when calling the AssumeRole operation: User: a\nis not",
            OutcomeKind.DENIED,
            "AssumeRole: AccessDenied: User: a\nis not",
        ),
        (
            "ClientError",
            "An error occurred (Throttling) when calling the AssumeRole operation (reached max retries: 4): Slow",
            OutcomeKind.UNKNOWN,
            "AssumeRole: Throttling: Slow",
        ),
        ("AccessDeniedException", "User: x", OutcomeKind.DENIED, "AccessDeniedException: User: x"),
        ("Sandbox.Timedout", "Task timed out", OutcomeKind.BROKEN, "Sandbox.Timedout: Task timed out"),
        ("", "nothing", OutcomeKind.UNKNOWN, ": nothing"),
    ],
)
def test_the_error_of_a_process_is_parsed(error_type, message, kind, text):
    found = outcome.from_text(error_type, message)
    assert (found.kind, found.message) == (kind, text)


@pytest.mark.parametrize(
    ("message", "policy"),
    [
        ("because no role trust policy allows the sts:AssumeRole action", "role trust policy"),
        ("because no identity-based policy allows the sts:AssumeRole action", "identity-based policy"),
        ("with an explicit deny in a service control policy: arn:aws:x", "service control policy"),
        ("with an explicit deny in the role trust policy", "role trust policy"),
        ("with an explicit deny in an identity-based policy", "identity-based policy"),
        ("User: x is not authorized to perform: sts:AssumeRole on resource: y", ""),
    ],
)
def test_the_refusing_policy_is_read_from_the_message(message, policy):
    assert outcome.deciding_policy(message) == policy
