"""The trusted role's Lambda function, asked to try things: nobody else has that role's credentials."""

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
    """A function that answers probes; see modules/README.md. account: where it lives."""

    def __init__(self, aws: Calls, account: Account, probe: FunctionProbe, trusting: Role) -> None:
        self._aws = aws
        self._account = replace(account, region=probe.region)
        self._name = probe.function_name
        self._role_arn = trusting.arn

    def __call__(self, checks: Sequence[Check]) -> dict[str, CallOutcome]:
        """Return the outcome of each check of a round, by name, all tried in one invocation."""
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
                outcomes = [_outcome(check, told) for check, told in zip(checks, answer["outcomes"], strict=True)]
                return dict(zip([check.name for check in checks], outcomes, strict=True))
            except (KeyError, TypeError, ValueError) as error:
                failure = CallOutcome(
                    OutcomeKind.BROKEN, f"{self._name} does not answer as modules/README.md says: {error!r}"
                )
        # The function did not get as far as trying: that says nothing about any of the calls.
        silent = replace(failure, kind=OutcomeKind.UNKNOWN, said=f"{self._name} did not try it: {failure.said}")
        return {check.name: silent for check in checks}

    def write(self, text: str) -> tuple[list[dict[str, Any]], CallOutcome]:
        """Let the function do what it always does, for this one role; return what it says it wrote, and the outcome."""
        answer, failure = self._invoke({"probe": text, "role_arn": self._role_arn})
        if failure is not None:
            return [], failure
        written = answer.get("written") if isinstance(answer, dict) else None
        if not isinstance(written, list) or not all(isinstance(entry, dict) for entry in written):
            said = f"{self._name} does not say what it wrote, as modules/README.md asks"
            return [], CallOutcome(OutcomeKind.BROKEN, said, perhaps_done=True)
        return written, outcome.allowed()

    def _invoke(self, event: dict[str, Any]) -> tuple[Any, CallOutcome | None]:
        """Return the function's answer, and None; or the outcome of its failure, or of the invocation's."""
        payload = json.dumps(event).encode()

        def ask(client: Any) -> tuple[Any, Any]:
            answer = client.invoke(FunctionName=self._name, Payload=payload)
            return answer, json.load(answer["Payload"])

        try:
            answer, told = self._aws.call(self._account, "lambda", ask)
        except AwsError as error:
            found = outcome.from_answer(error.answer, error.what)
            # That we may not invoke it says nothing about its role.
            kind = OutcomeKind.UNKNOWN if found.kind is OutcomeKind.DENIED else found.kind
            return None, replace(found, kind=kind, said=f"lambda:InvokeFunction: {found.said}")
        if not answer.get("FunctionError"):
            return told, None
        failure = outcome.from_text(str(told.get("errorType", "")), str(told.get("errorMessage", "")))
        return None, replace(failure, request_id=outcome.request_id(answer))


def _outcome(check: Check, told: dict[str, Any]) -> CallOutcome:
    if told["ok"]:
        return outcome.allowed(str(told["request_id"]))
    answer = Answer(str(told["code"]), str(told["message"]), int(told["status"]), str(told["request_id"]))
    if answer.code == _UNTRIED:
        return CallOutcome(OutcomeKind.UNTRIED, answer.message)
    found = outcome.from_answer(answer, answer.message)
    if found.kind is OutcomeKind.DENIED and not answer.request_id:
        # Every answer of AWS has one, so these words are the function's own: no refusal that anybody could look up.
        found = replace(found, kind=OutcomeKind.UNKNOWN, said=f"no request id of AWS came with it: {found.said}")
    if told["call"] == check.attempt.call:
        return found
    # Another call came first and failed (the role could not be assumed): that says nothing about this one.
    return replace(found, kind=OutcomeKind.UNKNOWN, said=f"{told['call']} came first: {found.said}")
