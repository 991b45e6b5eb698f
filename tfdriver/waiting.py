"""Waits for a condition, checking it repeatedly with back-off and jitter: IAM to be consistent, a lock to be released.

Sources: boto/boto3#3206, hashicorp/terraform-provider-aws#1388 and #8905: IAM may reject a new role as a principal for
some time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tfdriver.clock import Clock
from tfdriver.errors import TfdriverError

WAIT = "Wait for it to end, or give --lock-timeout 5m to wait here"


@dataclass(frozen=True)
class Look:
    """The result of one check of one condition. good: it holds; hopeless: it does not, and waiting does not help.

    span: seconds for which it must hold, from the first to the last check of a streak.
    """

    good: bool
    hopeless: bool = False
    span: float = 0.0


@dataclass(frozen=True)
class Held:
    """How long a condition held. streak: the number of good checks in a row, up to the last one.

    first: seconds until the first check of the streak began; last: until the last one began; seconds: until the last
    one ended. waited: whether an earlier check was not good.
    """

    streak: int = 0
    first: float = 0.0
    seconds: float = 0.0
    waited: bool = False
    last: float = 0.0

    def enough(self, in_a_row: int, span: float = 0.0) -> bool:
        """Whether it held in that many checks in a row, and for `span` seconds from the first to the last of them."""
        return self.streak >= in_a_row and self.last - self.first >= span


@dataclass(frozen=True)
class Waiting:
    """How to wait. limit: seconds; check: raises an error to stop; tell: called once, with the reason for waiting."""

    limit: float = 0
    clock: Clock = field(default_factory=Clock)
    check: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _: None

    def until_none(self, look: Callable[[], TfdriverError | None], in_a_row: int = 1) -> None:
        """Return when `look` has found no problem `in_a_row` times. Raise the last problem when the time is up."""
        problems: list[TfdriverError] = []

        def check() -> Mapping[str, Look]:
            problem = look()
            if problem and not problems:
                self.tell(problem.what)
            problems.extend([problem] if problem else [])
            return {"": Look(good=problem is None)}

        if not poll(check, self, in_a_row)[""].streak:
            raise problems[-1]


def poll(look: Callable[[], Mapping[str, Look]], waiting: Waiting, in_a_row: int) -> dict[str, Held]:
    """Check until each condition held `in_a_row` times and for its span, or does not hold and is hopeless or too late.

    The span is needed because quick checks may all reach the same part of IAM; a change takes seconds to reach the
    others. A condition that holds when the time is up gets the further checks that it needs. Raises the
    errors of `look` and `waiting.check`.
    """
    held: dict[str, Held] = {}
    started = waiting.clock.monotonic()
    for began in waiting.clock.attempts(float("inf")):
        waiting.check()
        looks = look()
        ended = waiting.clock.monotonic() - started
        held = {name: _next(held.get(name, Held()), found, began, ended) for name, found in looks.items()}
        too_late = ended >= waiting.limit
        if all(
            held[name].enough(in_a_row, found.span) or (not found.good and (found.hopeless or too_late))
            for name, found in looks.items()
        ):
            break
    return held


def _next(previous: Held, found: Look, began: float, ended: float) -> Held:
    if not found.good:
        return Held(seconds=ended, waited=True)
    first = previous.first if previous.streak else began
    return replace(previous, streak=previous.streak + 1, first=first, last=began, seconds=ended)
