"""Reports progress on stderr: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import threading
import time
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
    """Prints a line per event, for pipes and logs. A closed stderr never stops a run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def phase(self, title: str) -> None:
        """Report that a phase starts."""
        self._print(f"[bold]{escape(title)}[/bold]")

    def started(self, name: str, action: str) -> None:
        """Report that an action starts."""
        self._print(f"  {escape(name)}: {escape(action)} ...")

    def event(self, name: str, event: Event) -> None:
        """Report a completed change, a warning or a lock. Errors of Terraform are in the run's error message."""
        if event.type == "apply_complete" and event.action != "read":
            done = _DONE.get(event.action, event.action)
            self._print(f"  {name}: [green]{done}[/green] {escape(event.address)} ({event.seconds:.0f} s)")
        elif event.type == LOCKED:
            self._print(f"  {name}: [yellow]waiting: another Terraform holds the lock on the state[/yellow]")
        elif event.type == STOPPING:
            self._print(f"  {name}: [yellow]{escape(event.message)}[/yellow]")
        elif event.type == "diagnostic" and event.body["diagnostic"]["severity"] != "error":
            self._print(f"  {name}: [yellow]{escape(' '.join(event.message.split()))}[/yellow]")

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        """Report the result of an action."""
        suffix = f": {escape(result)}" if result else ""
        self._print(f"  {escape(name)}: {escape(action)} done in {seconds:.1f} s{suffix}")

    def failed(self, name: str, action: str, seconds: float) -> None:
        """Report that an action failed."""
        self._print(f"  {escape(name)}: [red]{escape(action)} failed[/red] after {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Report one sentence."""
        self._print(f"[dim]{escape(text)}[/dim]")

    def _print(self, markup: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            self._console.print(markup, highlight=False, soft_wrap=not self._console.is_terminal)


@dataclass
class _Action:
    """An action in progress. since: its start; resources: addresses that Terraform is working on."""

    since: float
    resources: set[str] = field(default_factory=set)
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))


class LiveProgress(PlainProgress):
    """PlainProgress, and below it a live line for each action in progress."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._running: dict[tuple[str, str], _Action] = {}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> LiveProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, name: str, action: str) -> None:
        """Add a live line."""
        with self._lock:
            self._running[name, action] = _Action(time.monotonic())
            self._live.start()

    def event(self, name: str, event: Event) -> None:
        """Update the resources of the action, and report the event."""
        for (running, _), progress in list(self._running.items()):
            if running == name:
                follow(event, progress.resources)
        super().event(name, event)

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        """Replace the live line by a plain one."""
        self._remove(name, action)
        super().ended(name, action, seconds, result)

    def failed(self, name: str, action: str, seconds: float) -> None:
        """Replace the live line by a plain one."""
        self._remove(name, action)
        super().failed(name, action, seconds)

    def _remove(self, name: str, action: str) -> None:
        with self._lock:
            self._running.pop((name, action), None)
            if not self._running:
                self._live.stop()

    def _table(self) -> Table:
        table = Table.grid()
        table.add_column(no_wrap=True, overflow="ellipsis")
        for (name, action), progress in list(self._running.items()):
            resources = f"  {', '.join(sorted(progress.resources))}" if progress.resources else ""
            progress.spinner.update(text=Text(f"{name}: {action} {time.monotonic() - progress.since:.0f} s{resources}"))
            table.add_row(progress.spinner)
        return table
