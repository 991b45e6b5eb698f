"""How long a run waits for another one to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

WAIT = "Wait for it to end, or give --lock-timeout 5m to wait here"

_AGAIN = 0.2  # seconds


@dataclass(frozen=True)
class Patience:
    """seconds: to wait at most; tell: is told, once, what is waited for; sleep: waits that many seconds."""

    seconds: float = 0
    tell: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep

    def until(self, free: Callable[[], bool], what: Callable[[], str]) -> bool:
        """Return whether `free` came true in time. what: what is waited for, as a sentence without a full stop."""
        deadline = time.monotonic() + self.seconds
        told = False
        while not free():
            if time.monotonic() >= deadline:
                return False
            if not told:
                self.tell(f"waits: {what()}")
                told = True
            self.sleep(_AGAIN)
        return True


NONE = Patience()
