"""Makes a round of calls again until what came of it holds: IAM is eventually consistent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tfdriver.clock import Clock


@dataclass(frozen=True)
class Look:
    """What one look showed of one thing. good: as expected; hopeless: not as expected, and waiting will not help."""

    good: bool
    hopeless: bool = False


@dataclass(frozen=True)
class Held:
    """How long something held. streak: how often in a row it was good, up to the last look.

    first: seconds until the first look of that streak began; seconds: until the last look ended. waited: whether an
    earlier look was not good.
    """

    streak: int = 0
    first: float = 0.0
    seconds: float = 0.0
    waited: bool = False


@dataclass(frozen=True)
class Waiting:
    """How to wait. limit: seconds; check: raises to stop waiting."""

    limit: float
    clock: Clock
    check: Callable[[], None]


def poll(look: Callable[[], Mapping[str, Look]], waiting: Waiting, in_a_row: int) -> dict[str, Held]:
    """Look until each thing was good `in_a_row` times, or is not good and hopeless or out of time.

    A thing that became good just before the time was up gets the further looks it needs. Raises what `look` and
    `waiting.check` raise.
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
            held[name].streak >= in_a_row or (not found.good and (found.hopeless or over))
            for name, found in looks.items()
        ):
            break
    return held


def _after(before: Held, found: Look, began: float, ended: float) -> Held:
    if not found.good:
        return Held(0, 0.0, ended, waited=True)
    first = before.first if before.streak else began
    return replace(before, streak=before.streak + 1, first=first, seconds=ended)
