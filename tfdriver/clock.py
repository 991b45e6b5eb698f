"""The clock: passed to functions as a parameter, so that tests can replace it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """now: UTC; monotonic: seconds that never go back; sleep: waits that many seconds."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def attempts(self, limit: float) -> Iterator[float]:
        """Yield the seconds passed: at once, then after increasing waits with jitter, until `limit` seconds."""
        started = self.monotonic()
        for wait in waits():
            passed = self.monotonic() - started
            yield passed
            if passed >= limit:
                return
            self.sleep(wait)


def waits() -> Iterator[float]:
    """Yield the seconds to wait between attempts: increasing, with jitter, without end."""
    wait = 0.2
    while True:
        yield min(wait, 5.0) * random.uniform(0.7, 1.3)  # noqa: S311  # jitter, not a secret
        wait *= 1.6
