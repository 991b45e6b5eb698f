"""Time as the driver uses it, passed in so that tests can make their own."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """now: the UTC time; monotonic: seconds that never jump; sleep: waits that many seconds."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def attempts(self, limit: float) -> Iterator[float]:
        """Yield the seconds passed, at once and then after ever longer waits with jitter, until `limit` seconds.

        IAM is eventually consistent and promises no bound, so we ask again instead of waiting blindly.
        """
        started = self.monotonic()
        wait = 0.2
        while True:
            passed = self.monotonic() - started
            yield passed
            if passed >= limit:
                return
            self.sleep(min(wait, 5.0) * random.uniform(0.7, 1.3))  # noqa: S311  # jitter, not a secret
            wait *= 1.6
