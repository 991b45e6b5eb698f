"""Files written whole, and JSON that others wrote: Terraform, programs, files that anybody may have touched.

A reader, or a run after a crash, sees the old content of a file or the new, never a part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from tfdriver.errors import TfdriverError
from tfdriver.redaction import HIDDEN, hide_in_line

UNFINISHED = ".new"
LONGEST_LINE = 1024 * 1024  # bytes of a log's line that are looked into; Terraform's longest are some kilobytes


class NotJsonError(ValueError):
    """A text from outside is no JSON that can be read."""


def read_json(text: str | bytes) -> Any:
    """Return what a JSON text says; bytes are UTF-8 without a byte order mark, as Terraform wants them too.

    Raises NotJsonError, also for a text that is nested too deeply to be read and for the NaN that only Python knows.
    """
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to `path` in one step; `mode` is the new file's, less the umask.

    The new file takes the place of whatever has that name: a symlink there is replaced, not followed. Raises
    TfdriverError if it can't be written; the old content is then still there.
    """
    # Hidden, so that Terraform overlooks one that a crash left; the project's lock keeps a second writer away.
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
        raise TfdriverError(f"cannot write it: {error.strerror}", code="io_error", where=str(path)) from error


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can look into, whatever the umask, with those above it that are missing.

    Raises TfdriverError if it can't be made.
    """
    try:
        for folder in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
            folder.mkdir(mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise TfdriverError(
            f"cannot make this folder: {error.strerror}", code="io_error", where=str(error.filename or path)
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, e.g. after a rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hide_in_file(path: Path, hiding: Callable[[str], str]) -> None:
    """Let `hiding` rewrite the lines of a private log if it changes any; nothing if there is no such file.

    Of a line longer than LONGEST_LINE nothing is kept: to look for secrets in it would take minutes.
    """
    try:
        with path.open("rb") as file:
            lines = list(_lines(file))
    except FileNotFoundError:
        return
    hidden = [_rewritten(line, hiding) for line in lines]
    if hidden != lines:
        write_whole(path, b"\n".join(hidden), mode=0o600)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines without their ends, of the long ones no more than shows that they are; the last has no end."""
    line = b"\n"
    while line.endswith(b"\n"):
        line = rest = file.readline(LONGEST_LINE + 2)
        while len(rest) == LONGEST_LINE + 2 and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 2)
            line = line[: LONGEST_LINE + 1] + rest[-1:]
        yield line.removesuffix(b"\n")


def _rewritten(line: bytes, hiding: Callable[[str], str]) -> bytes:
    if len(line) > LONGEST_LINE:
        return f"{HIDDEN}: a line of more than {LONGEST_LINE} bytes".encode()
    return hide_in_line(line.decode(errors="surrogateescape"), hiding).encode(errors="surrogateescape")
