"""Tells what happens while it happens: live on a terminal, plain lines anywhere else. Always on stderr."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from tfdriver.events import STOPPING, Changes, Event

_DONE = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}


class PlainProgress:
    """One line per happening, for pipes and logs. A reader that went away never stops a run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def phase(self, title: str) -> None:
        """Say that a phase starts."""
        self._say(f"[bold]{escape(title)}[/bold]")

    def started(self, composition: str, action: str) -> None:
        """Say that Terraform starts."""
        self._say(f"  {composition}: {action} ...")

    def event(self, composition: str, event: Event) -> None:
        """Say which resource was made, and every warning and error of Terraform."""
        if event.type == "apply_complete" and event.action != "read":
            done = _DONE.get(event.action, event.action)
            self._say(f"  {composition}: [green]{done}[/green] {escape(event.address)} ({event.seconds:.0f} s)")
        elif event.type == STOPPING:
            self._say(f"  {composition}: [yellow]{escape(event.message)}[/yellow]")
        elif event.type == "diagnostic":
            severity = event.body["diagnostic"]["severity"]
            color = "red" if severity == "error" else "yellow"
            self._say(f"  {composition}: [{color}]{escape(' '.join(event.message.split()))}[/{color}]")

    def ended(self, composition: str, action: str, changes: Changes | None, seconds: float) -> None:
        """Say what an action came to."""
        what = f": {changes}" if changes else ""
        self._say(f"  {composition}: {action} done in {seconds:.1f} s{what}")

    def note(self, text: str) -> None:
        """Say one sentence."""
        self._say(f"[dim]{escape(text)}[/dim]")

    def _say(self, markup: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            self._console.print(markup, highlight=False, soft_wrap=True)


class LiveProgress(PlainProgress):
    """As PlainProgress, with a line per running Terraform below: what it is doing and for how long."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._running: dict[str, tuple[str, float, set[str]]] = {}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> LiveProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self, composition: str, action: str) -> None:
        """Add a live line."""
        self._running[composition] = (action, time.monotonic(), set())
        self._live.start()

    def event(self, composition: str, event: Event) -> None:
        """Follow which resources are in flight."""
        in_flight = self._running[composition][2]
        if event.type == "apply_start":
            in_flight.add(event.address)
        elif event.type in ("apply_complete", "apply_errored"):
            in_flight.discard(event.address)
        super().event(composition, event)

    def ended(self, composition: str, action: str, changes: Changes | None, seconds: float) -> None:
        """Take the live line away and leave a plain one."""
        self._running.pop(composition, None)
        super().ended(composition, action, changes, seconds)
        if not self._running:
            self._live.stop()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for composition, (action, since, in_flight) in list(self._running.items()):
            doing = ", ".join(sorted(in_flight)) or "..."
            line = f"{composition}: {action} {time.monotonic() - since:.0f} s  {escape(doing)}"
            table.add_row(Spinner("dots", line, style="cyan"))
        return table
