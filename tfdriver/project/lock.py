"""One run per project at a time.

The lock is an flock on the project folder itself: nothing to delete, nothing stale, gone with the last process that
holds it. Terraform inherits the descriptor, so that a project stays locked while a Terraform whose driver was killed
still saves its state.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder, read_json, write_whole
from tfdriver.iam.wording import moment
from tfdriver.project import folder
from tfdriver.waiting import WAIT, Waiting

_HOLDER = Path("compositions/.tfdriver/run.json")


@contextmanager
def locked(project: Path, command: str, waiting: Waiting | None = None) -> Iterator[int]:
    """Hold the project's lock inside the `with` block; gives the descriptor that Terraform is to inherit.

    command: what others are told is at work here; waiting: for another run. Raises TfdriverError, naming the holder, if
    it is still at work then, or if `compositions/` is a symlink.
    """
    descriptor = os.open(project, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (waiting or Waiting()).until_none(lambda: _refused(descriptor, project))
        try:
            _announce(project, command)
            yield descriptor
        finally:
            _forget(project)
    finally:
        os.close(descriptor)


def _announce(project: Path, command: str) -> None:
    """Write down, over what a run that was killed said of itself, that this process is at work here."""
    folder.check_around(project / _HOLDER.parts[0])
    holder = {
        "command": command,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    private_folder((project / _HOLDER).parent)
    write_whole(project / _HOLDER, json.dumps(holder).encode(), mode=0o600)


def _forget(project: Path) -> None:
    """Leave nothing behind: a run that was refused has changed nothing, not even on disk."""
    with suppress(OSError):
        (project / _HOLDER).unlink()
        for parent in _HOLDER.parents[:2]:
            (project / parent).rmdir()  # fails, as it should, where anything else is kept there


def _refused(descriptor: int, project: Path) -> TfdriverError | None:
    """Take the lock, or return who has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return TfdriverError(f"another run is at work here: {_holder(project)}", where=str(project), hint=WAIT)
    return None


def _holder(project: Path) -> str:
    try:
        holder = read_json((project / _HOLDER).read_bytes())
        process = f"process {holder['pid']} on {holder['host']}"
        since = datetime.fromisoformat(holder["since"])
        if holder["host"] == socket.gethostname() and not _alive(holder["pid"], since):
            return f"`{holder['command']}` since {moment(since)} ({process}) was killed, its Terraform is finishing"
        return f"`{holder['command']}` since {moment(since)} ({process})"
    except (OSError, ValueError, KeyError, TypeError):
        return "it has not said which"


def _alive(pid: int, since: datetime) -> bool:
    """Whether a process that was at work at `since` still is; its number may be another one's by now."""
    try:
        return psutil.Process(pid).create_time() <= since.timestamp() + 1
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
