"""Measures a command with all its descendants: duration, processor time and peak memory. Linux only."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, see prctl(2)
_INTERVAL = 0.05  # seconds between two samples of memory, at least
_ORPHANS_END = 30.0  # seconds for processes that outlive the command


@dataclass(frozen=True)
class Cost:
    """seconds: until the command ended; cpu: seconds of all its processes; memory: their peak PSS together, in bytes.

    PSS, unlike RSS, counts a page that several processes share once: copies of the provider share their program.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    memory: int = 0


def total(costs: Iterable[Cost]) -> Cost:
    """Return the cost of commands that ran one after the other."""
    costs = list(costs)
    return Cost(sum(c.seconds for c in costs), sum(c.cpu for c in costs), max(c.memory for c in costs))


def adopt_orphans() -> None:
    """Become the parent of descendants whose parents end, so that `measure` counts them."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def measure(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    """Run a command and return its cost. Its output goes to `folder`.log. Raises RuntimeError if it fails."""
    log = folder.with_suffix(".log")
    used, began = _cpu(), time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        with _PeakMemory() as peak:
            code = process.wait()
            seconds = time.monotonic() - began
            _reap()
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{log.read_text(errors='replace')[-3000:]}")
    return Cost(seconds, _cpu() - used, peak.bytes)


def _cpu() -> float:
    """Return the processor time of all descendants that have ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _reap() -> None:
    """Wait for the adopted orphans, so that `_cpu` counts them."""
    end = time.monotonic() + _ORPHANS_END
    with suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
        raise RuntimeError(f"still running: {psutil.Process().children(recursive=True)}")


class _PeakMemory:
    """Samples the memory of all descendants of this process inside the `with` block. bytes: the largest sum."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> _PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        pause = _INTERVAL
        while not self._stop.wait(pause):
            began = time.monotonic()
            self.bytes = max(self.bytes, sum(map(_pss, psutil.Process().children(recursive=True))))
            pause = max(_INTERVAL, 9 * (time.monotonic() - began))  # at most a tenth of one processor


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it has ended
        return 0
