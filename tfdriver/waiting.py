"""Waiting until what is looked at is as it should be: IAM is eventually consistent, and other runs hold locks.

Sources: boto/boto3#3206, hashicorp/terraform-provider-aws#1388 and #8905: a role just created may still be refused as
a principal. What is asked is the real call, with back-off and jitter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tfdriver.clock import Clock
from tfdriver.errors import TfdriverError

WAIT = "Wait for it to end, or give --lock-timeout 5m to wait here"


@dataclass(frozen=True)
class Look:
    """What one look showed of one thing. good: as expected; hopeless: not as expected, and waiting will not help.

    span: seconds that it must stay good, from the first to the last look of a streak.
    """

    good: bool
    hopeless: bool = False
    span: float = 0.0


@dataclass(frozen=True)
class Held:
    """How long something held. streak: how often in a row it was good, up to the last look.

    first: seconds until the first look of that streak began; seconds: until the last look ended. waited: whether an
    earlier look was not good. last: seconds until the last look began.
    """

    streak: int = 0
    first: float = 0.0
    seconds: float = 0.0
    waited: bool = False
    last: float = 0.0

    def enough(self, in_a_row: int, span: float = 0.0) -> bool:
        """Whether it was good that often in a row, and for `span` seconds from the first to the last look of them."""
        return self.streak >= in_a_row and self.last - self.first >= span


@dataclass(frozen=True)
class Waiting:
    """How to wait. limit: seconds; check: raises to stop waiting; tell: is given, once, what is waited for."""

    limit: float = 0
    clock: Clock = field(default_factory=Clock)
    check: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _: None

    def until_none(self, look: Callable[[], TfdriverError | None], in_a_row: int = 1) -> None:
        """Return once `look` has found no problem `in_a_row` times; raise its last one if it has not in time."""
        problems: list[TfdriverError] = []

        def find() -> Mapping[str, Look]:
            problem = look()
            if problem and not problems:
                self.tell(problem.what)
            problems.extend([problem] if problem else [])
            return {"": Look(good=problem is None)}

        if not poll(find, self, in_a_row)[""].streak:
            raise problems[-1]


def poll(look: Callable[[], Mapping[str, Look]], waiting: Waiting, in_a_row: int) -> dict[str, Held]:
    """Look until each thing was good `in_a_row` times and for its span, or is not good and hopeless or out of time.

    A span, because a few quick looks may all meet the same part of IAM: a change takes seconds to reach the others, and
    no bound is promised. A thing that became good just before the time was up gets the further looks it needs. Raises
    what `look` and `waiting.check` raise.
    """
    held: dict[str, Held] = {}
    started = waiting.clock.monotonic()
    for began in waiting.clock.attempts(float("inf")):
        waiting.check()
        looks = look()
        ended = waiting.clock.monotonic() - started
        held = {name: _after(held.get(name, Held()), found, began, ended) for name, found in looks.items()}
        over = ended >= waiting.limit
        if all(
            held[name].enough(in_a_row, found.span) or (not found.good and (found.hopeless or over))
            for name, found in looks.items()
        ):
            break
    return held


def _after(before: Held, found: Look, began: float, ended: float) -> Held:
    if not found.good:
        return Held(seconds=ended, waited=True)
    first = before.first if before.streak else began
    return replace(before, streak=before.streak + 1, first=first, last=began, seconds=ended)
