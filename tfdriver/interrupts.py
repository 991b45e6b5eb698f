"""Ctrl-C, SIGTERM and SIGHUP, counted instead of obeyed at once while a run is at work.

Terraform runs in a session of its own, so a signal meant for tfdriver never hits it in the middle of a write; the
driver decides when to pass one on. What this process was started to ignore (by nohup, or as a shell's background job)
stays ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tfdriver.errors import TfdriverError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedRunError(TfdriverError):
    """The user (or the system) asked the run to stop."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what, code="interrupted", where=where, hint=hint)


class Stop(KeyboardInterrupt):  # no error: like what it is a kind of
    """One of the signals came where they are not counted. signal: its name."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(signal_name)
        self.signal = signal_name


def stopped_by(interrupt: BaseException | None) -> str:
    """Return what to say of a KeyboardInterrupt: which signal it was."""
    return f"stopped by {interrupt.signal if isinstance(interrupt, Stop) else 'SIGINT'}"


@contextmanager
def handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have the signals that ask to stop handled inside the `with` block, but not those that are ignored.

    handle: called with the number of each that comes. Main thread only.
    """
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def obeyed() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end what is done inside the `with` block as Ctrl-C does. Main thread only."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stop(signal.Signals(number).name)

    with handled(stop):
        yield


class Interrupts:
    """How often this process was asked to stop, and by which signal first."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def request(self, name: str = "SIGINT") -> None:
        """Ask to stop, as the signal of that name does."""
        self.count += 1
        self.first = self.first or name

    def check(self) -> None:
        """Raise InterruptedRunError if a stop was asked for; called between steps."""
        if self.count:
            raise InterruptedRunError(f"stopped by {self.first}")

    @contextmanager
    def listening(self) -> Iterator[Interrupts]:
        """Count signals instead of obeying them, inside the `with` block. Main thread only."""
        with handled(lambda number, _frame: self.request(signal.Signals(number).name)):
            yield self
