"""Prints results as text or as one JSON object, and errors."""

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

FORMAT_VERSION = "1.0"  # of the --json output
PHASES = {"broad": "phase 1", "connect": "phase 2", "tighten": "phase 3"}
_RECORDED = 106  # columns: the demo's longest line fits, and the picture stays readable on a page
_UNLIMITED = 1000  # columns: wider than any row of a table


class Output:
    """stdout for results, stderr for everything else.

    as_json: print results as JSON only; record: print everything on stderr and keep it for `save_recording`.
    """

    def __init__(self, *, as_json: bool = False, record: bool = False) -> None:
        self._as_json = as_json
        self._stdout = ResilientStream(sys.stdout)
        self.out = _console(self._stdout)
        self.err = _console(ResilientStream(sys.stderr))
        if record:
            self.out = self.err = Console(file=sys.stderr, record=True, highlight=False, width=_RECORDED)

    def progress(self) -> PlainProgress:
        """Return the progress display: live on a terminal, plain lines elsewhere and beside a log."""
        live = self.err.is_terminal and not self.err.record and not is_logging()
        return LiveProgress(self.err) if live else PlainProgress(self.err)

    def save_recording(self, path: Path, title: str) -> None:
        """Write the recorded output to an SVG without references to other files. Raises OSError."""
        drawn = self.err.export_svg(title=title, unique_id="recording")
        path.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL), encoding="utf-8")

    def result(self, command: str, value: T, print_text: Callable[[T, Output], None], exit_code: int = 0) -> None:
        """Print the result of a command, as JSON or with `print_text`.

        Raises TfdriverError if stdout cannot be written, unless its reader has closed it.
        """
        if self._as_json:
            data = TypeAdapter(type(value)).dump_python(value, mode="json")
            self._json({"command": command, "exit_code": exit_code, "result": data})
        else:
            print_text(value, self)
        self._check_written(getattr(value, "in_force", ""))

    def document(self, value: dict[str, Any]) -> None:
        """Print a JSON document. Raises as `result`."""
        self.write(json.dumps(value, indent=2) + "\n")
        self._check_written()

    def error(self, command: str, error: TfdriverError) -> None:
        """Print an error on stderr and, with --json, as JSON on stdout."""
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
            what = f"cannot write the result: {self._stdout.failure.strerror}"
            hint = "The command itself has finished. Check where stdout goes"
            if in_force:
                raise OpenTrustError(
                    what, code="output_not_written", where="stdout", hint=hint, in_force=f"In force now: {in_force}"
                )
            raise TfdriverError(what, code="output_not_written", where="stdout", hint=hint)

    def write(self, text: str) -> None:
        """Write text to stdout unchanged: rich would interpret markup and emoji."""
        self._stdout.write(text)
        self._stdout.flush()

    def _json(self, body: dict[str, Any]) -> None:
        envelope = {"format_version": FORMAT_VERSION, "tfdriver_version": __version__, **body}
        self.write(json.dumps(envelope, indent=2) + "\n")


def _console(stream: ResilientStream) -> Console:
    """Return a console that wraps lines on a terminal only; in a pipe, table cells are not wrapped either."""
    width = None if stream.isatty() else _UNLIMITED
    return Console(file=cast(TextIO, stream), soft_wrap=not stream.isatty(), highlight=False, width=width)
