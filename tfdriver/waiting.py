"""Waits for a condition, checking it repeatedly with back-off and jitter: IAM to be consistent, a lock to be released.

Sources: boto/boto3#3206, hashicorp/terraform-provider-aws#1388 and #8905: IAM may reject a new role as a principal for
some time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from threading import Lock

from tfdriver.clock import Clock, waits
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError

_MARGIN = 0.01  # seconds, so that a span is not missed by a rounding error
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


class Poll:
    """Checks conditions until each held often and long enough, or does not hold and is hopeless or too late.

    look: checks all conditions once; in_a_row: the number of good checks that a condition needs, within the span that
    it needs. The span is needed because quick checks may all reach the same part of IAM; a change takes seconds to
    reach the others. A condition that holds when the time is up gets the further checks that it needs.
    """

    def __init__(self, look: Callable[[], Mapping[str, Look]], waiting: Waiting, in_a_row: int) -> None:
        self._look = look
        self._waiting = waiting
        self._in_a_row = in_a_row
        self._waits = waits()
        self._started: float | None = None
        self.held: dict[str, Held] = {}

    def check(self) -> float | None:
        """Check once. Return the seconds to wait before the next check, None if no other check is needed.

        Raises the errors of `look` and `waiting.check`.
        """
        self._waiting.check()
        now = self._waiting.clock.monotonic
        self._started = now() if self._started is None else self._started
        began = now() - self._started
        looks = self._look()
        ended = now() - self._started
        self.held = {name: _next(self.held.get(name, Held()), found, began, ended) for name, found in looks.items()}
        too_late = ended >= self._waiting.limit
        undecided = {
            name: found
            for name, found in looks.items()
            if not self.held[name].enough(self._in_a_row, found.span)
            and (found.good or not (found.hopeless or too_late))
        }
        if not undecided:
            return None
        wait = next(self._waits)
        if all(found.good and self.held[name].streak >= self._in_a_row for name, found in undecided.items()):
            # Only the span is missing: the next check is the last one.
            rest = max(found.span - (ended - self.held[name].first) for name, found in undecided.items())
            wait = min(wait, max(rest, 0.0) + _MARGIN)
        return wait


def poll(look: Callable[[], Mapping[str, Look]], waiting: Waiting, in_a_row: int) -> dict[str, Held]:
    """Check conditions until each is decided; see `Poll`. Return how long each held."""
    polling = Poll(look, waiting, in_a_row)
    while (seconds := polling.check()) is not None:
        waiting.clock.sleep(seconds)
    return polling.held


def wait_together(checks: Sequence[Callable[[], float | None]], clock: Clock, limit: int = 8) -> None:
    """Call each check, as `Poll.check`, until it returns None. At most `limit` checks run at a time.

    Only a check in progress counts, not one that waits. So many polls take about as long as the longest of them.
    Raises the first exception of a check, after all threads have ended.
    """
    due = [(0.0, index) for index in range(len(checks))]  # a heap
    lock = Lock()

    def work(_: int) -> None:
        # A thread ends when other threads have all remaining checks in hand.
        while True:
            with lock:
                if not due:
                    return
                when, index = heappop(due)
            if (seconds := when - clock.monotonic()) > 0:
                clock.sleep(seconds)
            wait = checks[index]()
            if wait is not None:
                with lock:
                    heappush(due, (clock.monotonic() + wait, index))

    side_by_side(work, range(min(limit, len(checks))), limit)


def _next(previous: Held, found: Look, began: float, ended: float) -> Held:
    if not found.good:
        return Held(seconds=ended, waited=True)
    first = previous.first if previous.streak else began
    return replace(previous, streak=previous.streak + 1, first=first, last=began, seconds=ended)
