"""Calls made by the trusted role's Lambda function, because nobody else has the credentials of that role."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tfdriver.aws.calls import Answer, AwsError, Calls
from tfdriver.spec.model import Account, Role
from tfdriver.verify import outcome
from tfdriver.verify.attempts import Check
from tfdriver.verify.outcome import CallOutcome, OutcomeKind
from tfdriver.verify.probes import FunctionProbe

_UNTRIED = "NotTried"


class ProbeFunction:
    """A function that answers probes, see modules/README.md. account: its account."""

    def __init__(self, aws: Calls, account: Account, probe: FunctionProbe, trusting: Role) -> None:
        self._aws = aws
        self._account = replace(account, region=probe.region)
        self._name = probe.function_name
        self._role_arn = trusting.arn

    def __call__(self, checks: Sequence[Check]) -> dict[str, CallOutcome]:
        """Return the outcome of each check of a round, by name. All calls are made in one invocation."""
        attempts = [
            {
                "call": check.attempt.call,
                "as": "role" if check.attempt.as_role else "itself",
                "role_arn": self._role_arn,
                "external_id": check.attempt.external_id,
            }
            for check in checks
        ]
        answer, failure = self._invoke({"attempts": attempts})
        if failure is None:
            try:
                outcomes = [_outcome(check, reply) for check, reply in zip(checks, answer["outcomes"], strict=True)]
                return dict(zip([check.name for check in checks], outcomes, strict=True))
            except (KeyError, TypeError, ValueError) as error:
                failure = CallOutcome(
                    OutcomeKind.BROKEN,
                    f'{self._name} must answer {{"outcomes": [...]}}, with call, ok, code, message, status and '
                    f"request_id of each attempt: {error!r}",
                )
        # The function made none of the calls, so their outcomes are unknown.
        unknown = replace(
            failure, kind=OutcomeKind.UNKNOWN, message=f"{self._name} did not make the call: {failure.message}"
        )
        return {check.name: unknown for check in checks}

    def write(self, text: str) -> tuple[list[dict[str, Any]], CallOutcome]:
        """Let the function do its usual work for this one role. Return the items that it reports, and the outcome."""
        answer, failure = self._invoke({"probe": text, "role_arn": self._role_arn})
        if failure is not None:
            return [], failure
        written = answer.get("written") if isinstance(answer, dict) else None
        if not isinstance(written, list) or not all(isinstance(entry, dict) for entry in written):
            problem = f'{self._name} must answer {{"written": [...]}}, with one object for each item'
            return [], CallOutcome(OutcomeKind.BROKEN, problem, perhaps_done=True)
        return written, outcome.allowed()

    def _invoke(self, event: dict[str, Any]) -> tuple[Any, CallOutcome | None]:
        """Return the function's reply and None, or None and the outcome of a failure."""
        payload = json.dumps(event).encode()

        def ask(client: Any) -> tuple[Any, Any]:
            answer = client.invoke(FunctionName=self._name, Payload=payload)
            return answer, json.load(answer["Payload"])

        try:
            answer, reply = self._aws.call(self._account, "lambda", ask)
        except AwsError as error:
            found = outcome.from_answer(error.answer, error.what)
            # Being denied the invocation proves nothing about the function's role.
            kind = OutcomeKind.UNKNOWN if found.kind is OutcomeKind.DENIED else found.kind
            return None, replace(found, kind=kind, message=f"lambda:InvokeFunction: {found.message}")
        if not answer.get("FunctionError"):
            return reply, None
        failure = outcome.from_text(str(reply.get("errorType", "")), str(reply.get("errorMessage", "")))
        return None, replace(failure, request_id=outcome.request_id(answer))


def _outcome(check: Check, reply: dict[str, Any]) -> CallOutcome:
    if reply["ok"]:
        return outcome.allowed(str(reply["request_id"]))
    answer = Answer(str(reply["code"]), str(reply["message"]), int(reply["status"]), str(reply["request_id"]))
    if answer.code == _UNTRIED:
        return CallOutcome(OutcomeKind.UNTRIED, answer.message)
    found = outcome.from_answer(answer, answer.message)
    if found.kind is OutcomeKind.DENIED and not answer.request_id:
        # Every answer of AWS has a request id, so the function made this one up.
        found = replace(found, kind=OutcomeKind.UNKNOWN, message=f"the answer has no AWS request id: {found.message}")
    if reply["call"] == check.attempt.call:
        return found
    # An earlier call failed, for example sts:AssumeRole, so this call was not made.
    return replace(found, kind=OutcomeKind.UNKNOWN, message=f"{reply['call']} failed first: {found.message}")
