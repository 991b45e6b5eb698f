"""Tells what happens while it happens: live on a terminal, plain lines anywhere else. Always on stderr."""

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
    """One line per happening, for pipes and logs. A reader that went away never stops a run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def phase(self, title: str) -> None:
        """Say that a phase starts."""
        self._say(f"[bold]{escape(title)}[/bold]")

    def started(self, name: str, action: str) -> None:
        """Say that work starts."""
        self._say(f"  {escape(name)}: {escape(action)} ...")

    def event(self, name: str, event: Event) -> None:
        """Say which resource was made, and every warning of Terraform; its errors are in what the run ends with."""
        if event.type == "apply_complete" and event.action != "read":
            done = _DONE.get(event.action, event.action)
            self._say(f"  {name}: [green]{done}[/green] {escape(event.address)} ({event.seconds:.0f} s)")
        elif event.type == LOCKED:
            self._say(f"  {name}: [yellow]waits for the lock on the state, which another Terraform holds[/yellow]")
        elif event.type == STOPPING:
            self._say(f"  {name}: [yellow]{escape(event.message)}[/yellow]")
        elif event.type == "diagnostic" and event.body["diagnostic"]["severity"] != "error":
            self._say(f"  {name}: [yellow]{escape(' '.join(event.message.split()))}[/yellow]")

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        """Say what an action came to."""
        what = f": {escape(result)}" if result else ""
        self._say(f"  {escape(name)}: {escape(action)} done in {seconds:.1f} s{what}")

    def failed(self, name: str, action: str, seconds: float) -> None:
        """Say that an action was not done."""
        self._say(f"  {escape(name)}: [red]{escape(action)} not done[/red] after {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Say one sentence."""
        self._say(f"[dim]{escape(text)}[/dim]")

    def _say(self, markup: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            self._console.print(markup, highlight=False, soft_wrap=not self._console.is_terminal)


@dataclass
class _Work:
    """What is under way since when. in_flight: addresses of the resources that a Terraform is working on."""

    since: float
    in_flight: set[str] = field(default_factory=set)
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))


class LiveProgress(PlainProgress):
    """As PlainProgress, with a line below for each thing under way: what it is doing and for how long."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._running: dict[tuple[str, str], _Work] = {}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> LiveProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, name: str, action: str) -> None:
        """Add a live line."""
        with self._lock:
            self._running[name, action] = _Work(time.monotonic())
            self._live.start()

    def event(self, name: str, event: Event) -> None:
        """Follow which resources are in flight."""
        for (worked_on, _), work in list(self._running.items()):
            if worked_on == name:
                follow(event, work.in_flight)
        super().event(name, event)

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        """Take the live line away and leave a plain one."""
        self._remove(name, action)
        super().ended(name, action, seconds, result)

    def failed(self, name: str, action: str, seconds: float) -> None:
        """Take the live line away and leave a plain one."""
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
        for (name, action), work in list(self._running.items()):
            doing = f"  {', '.join(sorted(work.in_flight))}" if work.in_flight else ""
            work.spinner.update(text=Text(f"{name}: {action} {time.monotonic() - work.since:.0f} s{doing}"))
            table.add_row(work.spinner)
        return table
