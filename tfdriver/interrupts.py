"""Handles SIGINT (Ctrl-C), SIGTERM and SIGHUP: a run in progress counts them and stops between steps.

Terraform runs in its own session, so that these signals reach tfdriver only; tfdriver decides when to stop Terraform.
Signals that the process was started to ignore (by nohup, or as a background job of a shell) stay ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tfdriver.errors import TfdriverError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedRunError(TfdriverError):
    """A signal stopped the run."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what, code="interrupted", where=where, hint=hint)


class Stop(KeyboardInterrupt):
    """One of the signals was received while they are not counted. signal: its name."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(signal_name)
        self.signal = signal_name


def stopped_by(interrupt: BaseException | None) -> str:
    """Return the message for a KeyboardInterrupt, with the name of the signal."""
    return f"stopped by {interrupt.signal if isinstance(interrupt, Stop) else 'SIGINT'}"


@contextmanager
def handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `handle` for each signal inside the `with` block, except for ignored ones. Main thread only."""
    handled_signals = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, handle) for number in handled_signals}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def obeyed() -> Iterator[None]:
    """Raise Stop inside the `with` block for SIGTERM and SIGHUP too, as for Ctrl-C. Main thread only."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stop(signal.Signals(number).name)

    with handled(stop):
        yield


class Interrupts:
    """Counts the signals. first: the name of the first one."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def request(self, name: str = "SIGINT") -> None:
        """Request a stop, as a signal does."""
        self.count += 1
        self.first = self.first or name

    def check(self) -> None:
        """Raise InterruptedRunError if a stop was requested. Called between steps."""
        if self.count:
            raise InterruptedRunError(f"stopped by {self.first}")

    @contextmanager
    def listening(self) -> Iterator[Interrupts]:
        """Count the signals inside the `with` block instead of stopping. Main thread only."""
        with handled(lambda number, _frame: self.request(signal.Signals(number).name)):
            yield self
