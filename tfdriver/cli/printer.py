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
from tfdriver.deploy.run_result import Done
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.files import write_whole

T = TypeVar("T")

FORMAT_VERSION = "1.0"  # of the --json output
PHASES = {"broad": "phase 1", "connect": "phase 2", "tighten": "phase 3"}
_RECORDED = 106  # columns: the demo's longest line fits, and the picture stays readable on a page
_UNLIMITED = 1000  # columns: wider than any row of a table


class Output:
    """stdout for results, stderr for everything else.

    as_json: print results as JSON only; record: print everything on stderr and keep it for `save_recording`; report: a
    file for the JSON of the result or error, readable by its owner only. Raises TfdriverError if the file cannot be
    written. done: returns what a run had done when it failed, None for other commands.
    """

    def __init__(self, *, as_json: bool = False, record: bool = False, report: Path | None = None) -> None:
        self._as_json = as_json
        self._report = report
        if report:
            write_whole(report, b"", mode=0o600)
        self.done: Callable[[], Done] | None = None
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
        text, failed = "", None
        if self._as_json or self._report:
            text = _envelope({"command": command, "exit_code": exit_code, "result": _plain(value)})
            failed = self._write_report(text)
        if not self._as_json:
            print_text(value, self)
        elif not failed:  # otherwise, the object of the error is printed
            self.write(text)
        self._check_written(getattr(value, "in_force", ""), failed)

    def document(self, value: dict[str, Any]) -> None:
        """Print a JSON document. Raises as `result`."""
        self.write(json.dumps(value, indent=2) + "\n")
        self._check_written()

    def error(self, command: str, error: TfdriverError) -> None:
        """Print an error on stderr and, with --json, as JSON on stdout."""
        names = ("code", "what", "where", "hint", "in_force")
        body: dict[str, Any] = {"error": {name: getattr(error, name) for name in names}}
        if self.done:
            body["done"] = _plain(self.done())
        text = _envelope({"command": command, "exit_code": int(error.exit_code), **body})
        if failed := self._write_report(text):
            self.note(f"warning: {failed}")
        if self._as_json:
            self.write(text)
        label = f"error[{error.code}]"
        lines = "\n".join(error.lines).replace("\n", "\n  ")
        self.err.print(f"[bold red]{escape(label)}:[/bold red] {escape(lines)}")

    def note(self, text: str) -> None:
        """Print a sentence on stderr."""
        self.err.print(f"[dim]{escape(text)}[/dim]")

    def _check_written(self, in_force: str = "", failed: TfdriverError | None = None) -> None:
        if self._stdout.failure or failed:
            reason = failed.what if failed else str(self._stdout.failure and self._stdout.failure.strerror)
            where = failed.where if failed else "stdout"
            what, hint = f"cannot write the result: {reason}", f"The command itself has finished. Check {where}"
            if in_force:
                raise OpenTrustError(
                    what, code="output_not_written", where=where, hint=hint, in_force=f"In force now: {in_force}"
                )
            raise TfdriverError(what, code="output_not_written", where=where, hint=hint)

    def write(self, text: str) -> None:
        """Write text to stdout unchanged: rich would interpret markup and emoji."""
        self._stdout.write(text)
        self._stdout.flush()

    def _write_report(self, text: str) -> TfdriverError | None:
        """Write the report, if there is one; return why it cannot be written, or None."""
        try:
            if self._report:
                write_whole(self._report, text.encode(), mode=0o600)
        except TfdriverError as error:
            return error
        return None


def _envelope(body: dict[str, Any]) -> str:
    return json.dumps({"format_version": FORMAT_VERSION, "tfdriver_version": __version__, **body}, indent=2) + "\n"


def _plain(value: Any) -> Any:
    """Return a dataclass as JSON values."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def _console(stream: ResilientStream) -> Console:
    """Return a console that wraps lines on a terminal only; in a pipe, table cells are not wrapped either."""
    width = None if stream.isatty() else _UNLIMITED
    return Console(file=cast(TextIO, stream), soft_wrap=not stream.isatty(), highlight=False, width=width)
