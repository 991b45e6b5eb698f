"""Writes files atomically, reads JSON, creates private folders, and hides secrets in log files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from tfdriver.errors import TfdriverError
from tfdriver.redaction import HIDDEN, hide_in_line

UNFINISHED = ".new"
LONGEST_LINE = 1024 * 1024  # bytes; Terraform's longest log lines are some kilobytes


class NotJsonError(ValueError):
    """A text is not valid JSON."""


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text. Bytes must be UTF-8 without a byte order mark, as Terraform requires.

    Raises NotJsonError, also for NaN, which only Python accepts, and for a text that is nested too deeply.
    """
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not valid JSON")


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to `path` atomically: a reader, or a run after a crash, finds the old or the new content.

    A symlink is replaced, not followed. mode: of the new file, less the umask. Raises TfdriverError if the file cannot
    be written; the old content is kept.
    """
    # A hidden name: Terraform ignores the file if a crash leaves it. The project lock excludes a second writer.
    temporary = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise TfdriverError(f"cannot write the file: {error.strerror}", code="io_error", where=str(path)) from error


def private_folder(path: Path) -> None:
    """Create a folder with mode 0700, and its missing parents. Raises TfdriverError if that fails."""
    try:
        for folder in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
            folder.mkdir(mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise TfdriverError(
            f"cannot create the folder: {error.strerror}", code="io_error", where=str(error.filename or path)
        ) from error


def sync_folder(folder: Path) -> None:
    """Write the folder's entries to disk, e.g. after a rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hide_in_file(path: Path, hiding: Callable[[str], str]) -> None:
    """Replace each line of a private log with the result of `hiding`. Do nothing if the file does not exist.

    A line longer than LONGEST_LINE is replaced completely: searching it for secrets would take minutes.
    """
    try:
        with path.open("rb") as file:
            lines = list(_lines(file))
    except FileNotFoundError:
        return
    hidden = [_hidden(line, hiding) for line in lines]
    if hidden != lines:
        write_whole(path, b"\n".join(hidden), mode=0o600)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines without line ends. Of a line that is too long, yield one byte more than LONGEST_LINE."""
    line = b"\n"
    while line.endswith(b"\n"):
        line = rest = file.readline(LONGEST_LINE + 2)
        while len(rest) == LONGEST_LINE + 2 and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 2)
            line = line[: LONGEST_LINE + 1] + rest[-1:]
        yield line.removesuffix(b"\n")


def _hidden(line: bytes, hiding: Callable[[str], str]) -> bytes:
    if len(line) > LONGEST_LINE:
        return f"{HIDDEN}: a line of more than {LONGEST_LINE} bytes".encode()
    return hide_in_line(line.decode(errors="surrogateescape"), hiding).encode(errors="surrogateescape")
