"""Runs a program in its own session, with its output in a private file that tfdriver follows.

If tfdriver dies, a pipe would kill the program at its next line; with a file the program can finish. Ctrl-C at the
terminal reaches tfdriver only.
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
from typing import Protocol

from tfdriver.files import LONGEST_LINE
from tfdriver.interrupts import Interrupts

_POLL = (0.005, 0.05)  # seconds between two polls, at first and at most
_PART = 1024 * 1024  # bytes to read between two checks for a signal
_GRACE_IN_FLIGHT = 5.0  # an IAM call takes under a second; interrupting it can orphan a resource
_GRACE_STOPPING = 60.0


@dataclass(frozen=True)
class Finished:
    """A finished program. code: exit code, negative for a signal; stderr: its last 4,000 characters."""

    code: int
    stderr: str
    timed_out: bool
    interrupted: bool


@dataclass(frozen=True)
class Job:
    """A program to run. log: file for its stdout, with stderr beside it; keep_open: descriptors to inherit."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    keep_open: tuple[int, ...] = ()
    timeout: float | None = None

    @property
    def stderr(self) -> Path:
        """The file for its stderr."""
        return self.log.with_suffix(".err")


class Running(Protocol):
    """A started program."""

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, None while the program runs."""

    def send_signal(self, number: int) -> None:
        """Send the program a signal, unless it has ended."""

    def end(self) -> None:
        """Kill the processes that a program that has ended left in its group: providers outlive a killed Terraform."""


# Starts a program whose output is appended to existing files. Raises OSError.
Start = Callable[[Job], Running]


def start_child(job: Job) -> Running:
    """Start a program as a child of tfdriver. Raises OSError."""
    return _Child(job)


class _Child:
    """A child of tfdriver that leads its process group."""

    def __init__(self, job: Job) -> None:
        with job.log.open("ab") as out, job.stderr.open("ab") as err:
            self._process = subprocess.Popen(
                list(job.argv),
                cwd=job.folder,
                env=dict(job.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                umask=0o077,  # the state contains secrets; Terraform's default makes it readable for all users
                start_new_session=True,
                pass_fds=job.keep_open,
            )
        self.poll = self._process.poll
        self.send_signal = self._process.send_signal

    def end(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def run_program(
    job: Job,
    on_line: Callable[[str], None],
    interrupts: Interrupts,
    busy: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = lambda _: None,
    start: Start = start_child,
    gives_up: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run a job to its end and call `on_line` with each line of its stdout.

    Lines longer than LONGEST_LINE are skipped. busy: whether a call is in flight that should finish before an
    interrupt; report: called with a note for each step of stopping; start: by default as a child of tfdriver; gives_up:
    whether the job cannot succeed and is to be stopped. The first request to stop, or the timeout, sends SIGINT once
    the job is not busy (or after 5 s); a second request sends it again at once. When the job has ended, the rest of its
    process group is killed.

    Raises OSError if the job cannot be started. An exception of `on_line` is raised after the job has ended, so that
    Terraform can save its state.
    """
    for path in (job.log, job.stderr):
        _create_private(path)
    process = start(job)
    stopper = _Stopper(process, interrupts, busy, job.timeout, report, gives_up)
    try:
        with job.log.open("rb") as log:
            lines = _LineReader(log.read, on_line)
            pause, longest = _POLL
            while (code := process.poll()) is None:
                behind = lines.step()
                stopper.step()
                time.sleep(0 if behind else pause)
                pause = min(pause * 1.5, longest)
            lines.end()
    finally:
        if process.poll() is not None:
            process.end()
    if lines.error:
        raise lines.error
    stderr = job.stderr.read_text(encoding="utf-8", errors="replace")[-4000:]
    stopped_alone = stopper.timed_out or stopper.gave_up
    return Finished(code, stderr, stopper.timed_out, stopper.sent > 0 and not stopped_alone)


class _LineReader:
    """Reads lines from a growing file, a part at a time, and skips lines longer than LONGEST_LINE."""

    def __init__(self, read: Callable[[int], bytes], on_line: Callable[[str], None]) -> None:
        self._read = read
        self._on_line = on_line
        self._rest = bytearray()
        self._too_long = False
        self.error: Exception | None = None

    def step(self) -> bool:
        """Read at most one part; return whether there may be more."""
        part = self._read(_PART)
        *ends, rest = part.split(b"\n")
        for end in ends:
            self._add(end)
            self._pass_line()
        self._add(rest)
        return len(part) == _PART

    def end(self) -> None:
        """Read the rest, including a last line without a newline."""
        while self.step():
            pass
        if self._rest:
            self._pass_line()

    def _add(self, piece: bytes) -> None:
        self._too_long = self._too_long or len(self._rest) + len(piece) > LONGEST_LINE
        self._rest = bytearray() if self._too_long else self._rest + piece

    def _pass_line(self) -> None:
        line, skipped = self._rest.decode("utf-8", errors="replace"), self._too_long
        self._rest, self._too_long = bytearray(), False
        try:
            if not skipped:
                self._on_line(line)
        except Exception as error:
            self.error = self.error or error


class _Stopper:
    """Sends the process a signal for each request to stop."""

    def __init__(
        self,
        process: Running,
        interrupts: Interrupts,
        busy: Callable[[], bool],
        timeout: float | None,
        report: Callable[[str], None],
        gives_up: Callable[[], bool],
    ) -> None:
        self._report = report
        self._process = process
        self._interrupts = interrupts
        self._busy = busy
        self._started = time.monotonic()
        self._timeout = timeout
        self._gives_up = gives_up
        self._requested: float | None = None
        self._last_sent = 0.0
        self.sent = 0
        self.timed_out = False
        self.gave_up = False

    def step(self) -> None:
        now = time.monotonic()
        if self._timeout is not None and now - self._started > self._timeout:
            self.timed_out = self.timed_out or self._requested is None
        if self._requested is None and self._gives_up():
            self.gave_up = True
        alone = self.timed_out or self.gave_up
        wanted = max(min(self._interrupts.count, 2), int(alone))
        if not wanted:
            return
        if self._requested is None:
            self._requested = now
            self._report("stopping: Terraform finishes calls in flight, then exits")
        if self.sent == 0:
            if wanted > 1 or not self._busy() or now - self._requested > _GRACE_IN_FLIGHT:
                self._send(signal.SIGINT)
        elif self.sent == 1 and (wanted > 1 or (alone and now - self._last_sent > _GRACE_STOPPING)):
            self._send(signal.SIGINT)
        elif self.sent == 2 and now - self._last_sent > _GRACE_STOPPING:
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.sent:
            self._report(f"stopping: sending Terraform another {number.name}")
        self._process.send_signal(number)
        self._last_sent = time.monotonic()
        self.sent += 1


def _create_private(path: Path) -> None:
    """Replace a file by a new, empty one that only its owner can read."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
