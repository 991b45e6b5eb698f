"""Reports progress on stderr.

On a terminal: a live line per composition, and above them a line per finished action. Elsewhere: plain lines, those of
one action together. Warnings and the reasons for waiting are printed at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tfdriver.terraform.events import LOCKED, STOPPING, Event, follow

_DONE = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}


class PlainProgress:
    """Prints plain lines, for pipes and logs. A closed stderr never stops a run.

    While several actions are in progress, the lines of each are kept until it ends.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], list[str]] = {}  # by name and action

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._print(line for lines in self._kept.values() for line in lines)
            self._kept.clear()

    def phase(self, title: str) -> None:
        """Report that a phase starts."""
        self._at_once(f"[bold]{escape(title)}[/bold]")

    def started(self, name: str, action: str) -> None:
        """Report that an action starts."""
        with self._lock:
            self._kept[name, action] = [f"  {escape(name)}: {escape(action)} ..."]
            self._print_only_one()

    def event(self, name: str, event: Event) -> None:
        """Report a completed change, a warning or a lock. Errors of Terraform are in the run's error message."""
        if urgent := _urgent_line(name, event):
            self._at_once(urgent)
        elif event.type == "apply_complete" and event.action != "read":
            done = _DONE.get(event.action, event.action)
            line = f"  {escape(name)}: [green]{done}[/green] {escape(event.address)} ({event.seconds:.0f} s)"
            with self._lock:
                lines = next((kept for (running, _), kept in self._kept.items() if running == name), None)
                if lines is None:
                    self._print([line])
                else:
                    lines.append(line)
                    self._print_only_one()

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        """Report the result of an action."""
        suffix = f": {escape(result)}" if result else ""
        self._finish(name, action, f"  {escape(name)}: {escape(action)} done in {seconds:.1f} s{suffix}")

    def failed(self, name: str, action: str, seconds: float) -> None:
        """Report that an action failed."""
        self._finish(name, action, f"  {escape(name)}: [red]{escape(action)} failed[/red] after {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Report one sentence."""
        self._at_once(f"[dim]{escape(text)}[/dim]")

    def _finish(self, name: str, action: str, line: str) -> None:
        with self._lock:
            self._print([*self._kept.pop((name, action), []), line])
            self._print_only_one()

    def _print_only_one(self) -> None:
        """Print the lines of an action that is the only one in progress."""
        if len(self._kept) == 1:
            (lines,) = self._kept.values()
            self._print(lines)
            lines.clear()

    def _at_once(self, line: str) -> None:
        with self._lock:
            self._print([line])

    def _print(self, lines: Iterable[str]) -> None:
        with suppress(OSError, ValueError):
            for line in lines:
                self._console.print(line, highlight=False, soft_wrap=not self._console.is_terminal)


def _urgent_line(name: str, event: Event) -> str:
    """Return the line of a warning or of a reason for waiting, '' for other events."""
    if event.type == LOCKED:
        text = "waiting: another Terraform holds the lock on the state"
    elif event.type == STOPPING:
        text = event.message
    elif event.type == "diagnostic" and event.body["diagnostic"]["severity"] != "error":
        text = " ".join(event.message.split())
    else:
        return ""
    return f"  {escape(name)}: [yellow]{escape(text)}[/yellow]"


@dataclass
class _Action:
    """An action in progress. since: its start; resources: addresses that Terraform is working on."""

    since: float
    resources: set[str] = field(default_factory=set)
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))


class LiveProgress(PlainProgress):
    """Prints a line per finished action, and below them a live line per name with actions in progress."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._running: dict[str, dict[str, _Action]] = {}  # by name, then by action
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> LiveProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, name: str, action: str) -> None:
        """Add the action to the live line of its name."""
        with self._lock:
            self._running.setdefault(name, {})[action] = _Action(time.monotonic())
            self._live.start()

    def event(self, name: str, event: Event) -> None:
        """Update the resources in the live line, and print a warning or a lock."""
        with self._lock:
            for progress in self._running.get(name, {}).values():
                follow(event, progress.resources)
        if urgent := _urgent_line(name, event):
            self._at_once(urgent)

    def _finish(self, name: str, action: str, line: str) -> None:
        with self._lock:
            actions = self._running.get(name, {})
            actions.pop(action, None)
            if not actions:
                self._running.pop(name, None)
            if not self._running:
                self._live.stop()
        self._at_once(line)

    def _table(self) -> Table:
        table = Table.grid()
        table.add_column(no_wrap=True, overflow="ellipsis")
        for name, actions in list(self._running.items()):
            if running := list(actions.items()):
                action, progress = running[0]
                more = f" (and {len(running) - 1} more in progress)" if running[1:] else ""
                resources = f"  {', '.join(sorted(progress.resources))}" if progress.resources else ""
                seconds = f"{time.monotonic() - progress.since:.0f} s"
                progress.spinner.update(text=Text(f"{name}: {action} {seconds}{more}{resources}"))
                table.add_row(progress.spinner)
        return table
