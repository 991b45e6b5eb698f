"""Progress of a run: the protocol for reporting it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from tfdriver.clock import Clock
from tfdriver.terraform.events import Event

A = TypeVar("A")


class Progress(Protocol):
    """Receives reports. name: e.g. of a composition; action: e.g. `init`, `apply`, `plan`."""

    def phase(self, title: str) -> None:
        """Report that a phase starts."""

    def started(self, name: str, action: str) -> None:
        """Report that an action starts. Several may be in progress, each with another name or action."""

    def event(self, name: str, event: Event) -> None:
        """Report an event of Terraform in a composition."""

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        """Report that an action succeeded. result: a few words, or ''."""

    def failed(self, name: str, action: str, seconds: float) -> None:
        """Report that an action failed. The error itself is raised, not reported here."""

    def note(self, text: str) -> None:
        """Report one sentence."""


def report_work(
    progress: Progress,
    clock: Clock,
    name: str,
    action: str,
    do: Callable[[], A],
    result: Callable[[A], str] = lambda _: "",
) -> A:
    """Call `do`, report its start and end, and return its result. result: puts the result in a few words."""
    progress.started(name, action)
    started = clock.monotonic()
    try:
        done = do()
    except BaseException:
        progress.failed(name, action, clock.monotonic() - started)
        raise
    progress.ended(name, action, clock.monotonic() - started, result(done))
    return done
