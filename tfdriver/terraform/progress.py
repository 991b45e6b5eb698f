"""Who is told what happens while it happens: the protocol, and how a piece of work is told from start to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from tfdriver.clock import Clock
from tfdriver.terraform.events import Event

A = TypeVar("A")


class Progress(Protocol):
    """Who is told. name: of what is worked on, e.g. a composition; action: e.g. `init`, `apply`, `plan`."""

    def phase(self, title: str) -> None:
        """Say that a phase starts."""

    def started(self, name: str, action: str) -> None:
        """Say that work starts. Several may be at work at once, each on another name or action."""

    def event(self, name: str, event: Event) -> None:
        """Pass on one event of the Terraform at work in a composition."""

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        """Say that it was done. result: what it came to, or ''."""

    def failed(self, name: str, action: str, seconds: float) -> None:
        """Say that it was not done; the error that says why is raised and told by somebody else."""

    def note(self, text: str) -> None:
        """Say one sentence."""


def report_work(
    progress: Progress,
    clock: Clock,
    name: str,
    action: str,
    do: Callable[[], A],
    result: Callable[[A], str] = lambda _: "",
) -> A:
    """Return what `do` returns, having told its start and its end. result: what that came to, in a few words."""
    progress.started(name, action)
    started = clock.monotonic()
    try:
        done = do()
    except BaseException:
        progress.failed(name, action, clock.monotonic() - started)
        raise
    progress.ended(name, action, clock.monotonic() - started, result(done))
    return done
