"""Runs one program whose output goes to a private file that we follow, so that neither side can hurt the other.

A pipe would kill the program at its next line once we die; a file lets it finish. It runs in a session of its own, so a
Ctrl-C at the terminal reaches us alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tfdriver.files import LONGEST_LINE
from tfdriver.interrupts import Interrupts

_POLL = (0.005, 0.05)  # seconds between two looks, at first and at most: a short command is not waited for in vain
_PART = 1024 * 1024  # bytes read between two looks for a signal
_GRACE_IN_FLIGHT = 5.0  # an IAM call lasts under a second; interrupting one loses track of what it made
_GRACE_STOPPING = 60.0


@dataclass(frozen=True)
class Finished:
    """How it ended. code: exit code, negative for a signal; stderr: its last 4,000 characters."""

    code: int
    stderr: str
    timed_out: bool
    interrupted: bool


@dataclass(frozen=True)
class Job:
    """What to run. log: private file for its stdout (its stderr goes beside it); keep_open: descriptors to inherit."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    keep_open: tuple[int, ...] = ()
    timeout: float | None = None


def run_program(
    job: Job,
    on_line: Callable[[str], None],
    interrupts: Interrupts,
    busy: Callable[[], bool],
    tell: Callable[[str], None] = lambda _: None,
) -> Finished:
    """Run a job to its end, calling `on_line` with each line of its stdout, and `tell` with what stopping it takes.

    Lines longer than LONGEST_LINE are none of Terraform's, and are passed over.

    busy: whether it is in the middle of something that is better finished before it is interrupted. The first request
    to stop, or the timeout, sends SIGINT once it is not busy (or after 5 s); a second request sends it again at once;
    what is left of its process group after it ended is killed. Raises OSError if it cannot be started; what `on_line`
    raises is raised once the job has ended: whatever happens to us, it must be able to save its state.
    """
    stderr_path = job.log.with_suffix(".err")
    with _private(job.log) as out, _private(stderr_path) as err:
        process = subprocess.Popen(
            list(job.argv),
            cwd=job.folder,
            env=dict(job.environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            umask=0o077,  # the state holds secrets; Terraform itself would leave it readable for all
            start_new_session=True,
            pass_fds=job.keep_open,
        )
    stopper = _Stopper(process, interrupts, busy, job.timeout, tell)
    try:
        with job.log.open("rb") as log:
            follow = _Follower(log.read, on_line)
            pause, longest = _POLL
            while process.poll() is None:
                behind = follow.step()
                stopper.step()
                time.sleep(0 if behind else pause)
                pause = min(pause * 1.5, longest)
            follow.end()
    finally:
        _reap_group(process)
    if follow.error:
        raise follow.error
    stderr = stderr_path.read_text(encoding="utf-8", errors="replace")[-4000:]
    return Finished(process.returncode, stderr, stopper.timed_out, stopper.sent > 0 and not stopper.timed_out)


class _Follower:
    """Splits what a growing file yields into lines, a part at a time; passes over lines longer than LONGEST_LINE."""

    def __init__(self, read: Callable[[int], bytes], on_line: Callable[[str], None]) -> None:
        self._read = read
        self._on_line = on_line
        self._rest = bytearray()
        self._too_long = False
        self.error: Exception | None = None

    def step(self) -> bool:
        """Read what there is, but no more than a part; return whether there may be more."""
        part = self._read(_PART)
        *ends, rest = part.split(b"\n")
        for end in ends:
            self._add(end)
            self._tell()
        self._add(rest)
        return len(part) == _PART

    def end(self) -> None:
        """Read all that is left, and the last line, which may lack its end."""
        while self.step():
            pass
        if self._rest:
            self._tell()

    def _add(self, piece: bytes) -> None:
        self._too_long = self._too_long or len(self._rest) + len(piece) > LONGEST_LINE
        self._rest = bytearray() if self._too_long else self._rest + piece

    def _tell(self) -> None:
        line, told = self._rest.decode("utf-8", errors="replace"), not self._too_long
        self._rest, self._too_long = bytearray(), False
        try:
            if told:
                self._on_line(line)
        except Exception as error:
            self.error = self.error or error


class _Stopper:
    """Passes requests to stop on to the process, politely."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        interrupts: Interrupts,
        busy: Callable[[], bool],
        timeout: float | None,
        tell: Callable[[str], None],
    ) -> None:
        self._tell = tell
        self._process = process
        self._interrupts = interrupts
        self._busy = busy
        self._started = time.monotonic()
        self._timeout = timeout
        self._asked: float | None = None
        self._last_sent = 0.0
        self.sent = 0
        self.timed_out = False

    def step(self) -> None:
        now = time.monotonic()
        if self._timeout is not None and now - self._started > self._timeout:
            self.timed_out = self.timed_out or self._asked is None
        wanted = max(min(self._interrupts.count, 2), int(self.timed_out))
        if not wanted:
            return
        if self._asked is None:
            self._asked = now
            self._tell("stopping: Terraform finishes what is in flight, and ends")
        if self.sent == 0:
            if wanted > 1 or not self._busy() or now - self._asked > _GRACE_IN_FLIGHT:
                self._send(signal.SIGINT)
        elif self.sent == 1 and (wanted > 1 or (self.timed_out and now - self._last_sent > _GRACE_STOPPING)):
            self._send(signal.SIGINT)
        elif self.sent == 2 and now - self._last_sent > _GRACE_STOPPING:
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.sent:
            self._tell(f"stopping: sends Terraform another {number.name}")
        self._process.send_signal(number)
        self._last_sent = time.monotonic()
        self.sent += 1


def _private(path: Path) -> IO[bytes]:
    """Open a file for writing that only its owner can read, whatever was there before."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600), "wb")


def _reap_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process's group (it leads one): a provider outlives a Terraform that was killed."""
    if process.poll() is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
