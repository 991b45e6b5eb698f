"""The project lock: one run at a time.

The lock is an flock on the project folder. It ends with the last process that holds it, so it is never stale. Terraform
inherits the descriptor: if tfdriver is killed, the project stays locked until Terraform has saved its state.
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
from tfdriver.project import composition_folder
from tfdriver.waiting import WAIT, Waiting

_HOLDER = Path("compositions/.tfdriver/run.json")


@contextmanager
def locked(project: Path, command: str, waiting: Waiting | None = None) -> Iterator[int]:
    """Hold the project lock inside the `with` block; yield the descriptor that Terraform inherits.

    command: named in the message to other runs. Raises TfdriverError if another run still holds the lock after waiting,
    or if `compositions/` is a symlink.
    """
    descriptor = os.open(project, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (waiting or Waiting()).until_none(lambda: _refused(descriptor, project))
        try:
            _write_holder(project, command)
            yield descriptor
        finally:
            _delete_holder(project)
    finally:
        os.close(descriptor)


def _write_holder(project: Path, command: str) -> None:
    composition_folder.check_parent(project / _HOLDER.parts[0])
    holder = {
        "command": command,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    private_folder((project / _HOLDER).parent)
    write_whole(project / _HOLDER, json.dumps(holder).encode(), mode=0o600)


def _delete_holder(project: Path) -> None:
    """Delete the file and its empty folders, so that a refused run leaves no files."""
    with suppress(OSError):
        (project / _HOLDER).unlink()
        for parent in _HOLDER.parents[:2]:
            (project / parent).rmdir()  # fails for a folder that is not empty


def _refused(descriptor: int, project: Path) -> TfdriverError | None:
    """Take the lock, or return an error that names its holder."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        what = f"another run is in progress: {_describe_holder(project)}"
        return TfdriverError(what, code="project_locked", where=str(project), hint=WAIT)
    return None


def _describe_holder(project: Path) -> str:
    try:
        holder = read_json((project / _HOLDER).read_bytes())
        since = datetime.fromisoformat(holder["since"])
        text = f"`{holder['command']}` since {moment(since)} (process {holder['pid']} on {holder['host']})"
        killed = holder["host"] == socket.gethostname() and not _is_running(holder["pid"], since)
        return f"{text} was killed, its Terraform is still running" if killed else text
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown command"


def _is_running(pid: int, since: datetime) -> bool:
    """Whether the process that had this id at `since` is running. The id may belong to another process now."""
    try:
        return psutil.Process(pid).create_time() <= since.timestamp() + 1
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
