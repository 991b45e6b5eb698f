"""Rounds of calls with scripted answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tfdriver.aws.calls import Answer, AwsError
from tfdriver.spec.model import Account
from tfdriver.verify.attempts import Check
from tfdriver.verify.outcome import CallOutcome, OutcomeKind

REFUSED_BY_TRUST = "User: x is not authorized because no role trust policy allows the sts:AssumeRole action"


def as_expected(checks: Iterable[Check], **others: CallOutcome) -> dict[str, CallOutcome]:
    """Return the expected outcome of every check, and `others` by name (`-` and ` ` as `_`)."""
    found = {check.name: CallOutcome(check.expected, request_id=f"id of {check.name}") for check in checks}
    named = {name: outcome for name in found for key, outcome in others.items() if _key(name) == key}
    assert len(named) == len(others), "a name that no check has"
    return found | named


def _key(name: str) -> str:
    return name.translate(str.maketrans("- :", "___"))


def error(code: str, message: str = "words", status: int = 400) -> AwsError:
    """Return an error like those of `Aws.call`."""
    return AwsError(f"{code}: {message}", answer=Answer(code, message, status, "req-1"))


class Client:
    """A client of one service. replies: by method, a response, an exception, or a function of the request."""

    def __init__(self, replies: Mapping[str, Any], asked: list[tuple[str, dict[str, Any]]]) -> None:
        self._replies = replies
        self._asked = asked

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self._asked.append((method, request))
            reply = self._replies[method]
            reply = reply(**request) if callable(reply) else reply
            if isinstance(reply, Exception):
                raise reply
            return reply

        return call


class Calls:
    """A fake `Calls`. asked: method and request of every call; regions: of every call."""

    def __init__(self, **replies: Any) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.regions: list[str] = []
        self._replies = replies

    def call(self, account: Account, _service: str, ask: Callable[[Any], Any]) -> Any:
        self.regions.append(account.region)
        return ask(Client(self._replies, self.asked))


ALLOWED = CallOutcome(OutcomeKind.ALLOWED)
DENIED = CallOutcome(OutcomeKind.DENIED, "AccessDenied: no")
THROTTLED = CallOutcome(OutcomeKind.UNKNOWN, "Throttling: Rate exceeded", "Throttling")
