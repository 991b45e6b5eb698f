"""Calls to AWS turned into outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.spec.model import Account
from tfdriver.verify import outcome
from tfdriver.verify.outcome import CallOutcome


def outcome_of(aws: Calls, account: Account, service: str, ask: Callable[[Any], Any]) -> CallOutcome:
    """Return what comes of a call. ask: returns AWS's answer when given a client of the service."""
    try:
        answer = aws.call(account, service, ask)
    except AwsError as error:
        return outcome.from_answer(error.answer, error.what)
    return outcome.allowed(request_id(answer))


def request_id(answer: Any) -> str:
    """Return the request id in an answer of AWS, as boto3 gives it."""
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
