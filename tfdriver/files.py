"""Files written whole: a reader, or a run after a crash, sees the old content or the new, never a part."""

from __future__ import annotations

import os
from pathlib import Path

from tfdriver.errors import TfdriverError

UNFINISHED = ".new"


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
        raise TfdriverError(f"cannot write it: {error.strerror}", where=str(path)) from error


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can look into, whatever the umask, with those above it that are missing.

    Raises TfdriverError if it can't be made.
    """
    try:
        for folder in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
            folder.mkdir(mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise TfdriverError(f"cannot make this folder: {error.strerror}", where=str(error.filename or path)) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, e.g. after a rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
