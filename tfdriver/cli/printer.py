"""The one place that prints: results as text for people or as one JSON object for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape

from tfdriver import __version__
from tfdriver.cli.logs import is_logging
from tfdriver.cli.progress_display import LiveProgress, PlainProgress
from tfdriver.cli.streams import ResilientStream
from tfdriver.errors import OpenTrustError, TfdriverError

T = TypeVar("T")

FORMAT_VERSION = "1.0"  # of what --json prints
PHASES = {"broad": "phase 1", "connect": "phase 2", "tighten": "phase 3"}  # as people read them
_RECORDED = 106  # columns: wide enough for the demo's lines, narrow enough to be read on a page
_UNLIMITED = 1000  # columns: wider than any row of a table


class Output:
    """stdout for results, stderr for everything else.

    as_json: print results as JSON, and no text; record: keep what is printed for `save_recording`, and print it all on
    stderr.
    """

    def __init__(self, *, as_json: bool = False, record: bool = False) -> None:
        self._as_json = as_json
        self._stdout = ResilientStream(sys.stdout)
        self.out = _console(self._stdout)
        self.err = _console(ResilientStream(sys.stderr))
        if record:
            self.out = self.err = Console(file=sys.stderr, record=True, highlight=False, width=_RECORDED)

    def progress(self) -> PlainProgress:
        """Return who tells what happens: live on a terminal, plain lines elsewhere."""
        live = (
            self.err.is_terminal and not self.err.record and not is_logging()
        )  # log records would cut the live display
        return LiveProgress(self.err) if live else PlainProgress(self.err)

    def save_recording(self, path: Path, title: str) -> None:
        """Write what was printed, if it was recorded, to an SVG without references to other files. Raises OSError."""
        drawn = self.err.export_svg(title=title, unique_id="recording")
        path.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL), encoding="utf-8")

    def result(self, command: str, value: T, print_text: Callable[[T, Output], None], exit_code: int = 0) -> None:
        """Print what a command returned. print_text: prints it for people.

        Raises TfdriverError if stdout cannot be written to, unless its reader is gone.
        """
        if self._as_json:
            data = TypeAdapter(type(value)).dump_python(value, mode="json")
            self._json({"command": command, "exit_code": exit_code, "result": data})
        else:
            print_text(value, self)
        self._check_written(getattr(value, "in_force", ""))

    def document(self, value: dict[str, Any]) -> None:
        """Print a JSON document as it is. Raises as `result`."""
        self.write(json.dumps(value, indent=2) + "\n")
        self._check_written()

    def error(self, command: str, error: TfdriverError) -> None:
        """Print an expected failure: in lines on stderr, and as JSON on stdout where that was asked for."""
        if self._as_json:
            names = ("code", "what", "where", "hint", "in_force")
            body = {name: getattr(error, name) for name in names}
            self._json({"command": command, "exit_code": int(error.exit_code), "error": body})
        label = f"error[{error.code}]"
        text = "\n".join(error.lines).replace("\n", "\n  ")
        self.err.print(f"[bold red]{escape(label)}:[/bold red] {escape(text)}")

    def note(self, text: str) -> None:
        """Print a sentence on stderr."""
        self.err.print(f"[dim]{escape(text)}[/dim]")

    def _check_written(self, in_force: str = "") -> None:
        if self._stdout.failure:
            what = f"the result could not be written: {self._stdout.failure.strerror}"
            hint = "What the command itself did is done"
            if in_force:
                raise OpenTrustError(
                    what, code="output_not_written", where="stdout", hint=hint, in_force=f"In force now: {in_force}"
                )
            raise TfdriverError(what, code="output_not_written", where="stdout", hint=hint)

    def write(self, text: str) -> None:
        """Write text to stdout as it is: rich would look for markup and emoji in it."""
        self._stdout.write(text)
        self._stdout.flush()

    def _json(self, body: dict[str, Any]) -> None:
        envelope = {"format_version": FORMAT_VERSION, "tfdriver_version": __version__, **body}
        self.write(json.dumps(envelope, indent=2) + "\n")


def _console(stream: ResilientStream) -> Console:
    """Return a console that breaks lines between words on a terminal, and nowhere else, nor the cells of tables."""
    width = None if stream.isatty() else _UNLIMITED
    return Console(file=cast(TextIO, stream), soft_wrap=not stream.isatty(), highlight=False, width=width)
