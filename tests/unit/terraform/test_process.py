"""Running a program: its output, its interrupts and the end of its process group."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tfdriver.files import LONGEST_LINE
from tfdriver.interrupts import InterruptedRunError, Interrupts
from tfdriver.sandbox.run_command import run_command
from tfdriver.sandbox.start import Sandbox
from tfdriver.terraform.process import Job, run_program

COUNTING = """
import signal, sys, time
hits = []
signal.signal(signal.SIGINT, lambda *a: hits.append(1))
print("ready", flush=True)
while len(hits) < int(sys.argv[1]):
    time.sleep(0.01)
print("hit", len(hits), flush=True)
"""


def job(tmp_path: Path, code: str, *arguments: str, **fields) -> Job:
    return Job([sys.executable, "-c", code, *arguments], tmp_path, {"X": "1"}, tmp_path / "out.jsonl", **fields)


def go(a_job: Job, interrupts: Interrupts | None = None, on_line=None, busy=lambda: False):
    lines: list[str] = []
    finished = run_program(a_job, on_line or lines.append, interrupts or Interrupts(), busy)
    return finished, lines


def test_lines_are_passed_on_and_the_log_is_private(tmp_path):
    code = "import os, sys; print('a'); print('b', end=''); print('oops', file=sys.stderr); sys.exit(3)"
    finished, lines = go(job(tmp_path, code))
    assert lines == ["a", "b"]
    assert (finished.code, finished.stderr.strip(), finished.interrupted) == (3, "oops", False)
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600


def test_only_a_line_that_is_too_long_is_skipped(tmp_path):
    code = f"print('a'); print('x' * {LONGEST_LINE}); print('y' * {3 * LONGEST_LINE + 1}); print('b', end='')"
    _, lines = go(job(tmp_path, code))
    assert [line[:1] + str(len(line)) for line in lines] == ["a1", f"x{LONGEST_LINE}", "b1"]


def test_a_program_that_prints_endlessly_is_interrupted(tmp_path):
    interrupts, lines = Interrupts(), 0

    def on_line(_line: str) -> None:
        nonlocal lines
        lines += 1
        if lines == 1:
            interrupts.request()

    code = """if True:
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            for _ in range(3_000):  # bounded, to spare the disk
                sys.stdout.write("x" * 100_000 + chr(10))
                time.sleep(0.001)
        except KeyboardInterrupt:
            pass
    """
    finished, _ = go(job(tmp_path, code, timeout=60), interrupts, on_line)
    assert (finished.interrupted, finished.code) == (True, 0)
    assert lines < 3_000


def test_a_program_gets_only_the_given_environment(tmp_path):
    _, lines = go(job(tmp_path, "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'))"))
    assert lines == ["['X']"]


def stop_when_ready(interrupts: Interrupts, times: int, lines: list[str]):
    """Request a stop as soon as the program is ready."""

    def on_line(line: str) -> None:
        lines.append(line)
        for _ in range(times if line == "ready" else 0):
            interrupts.request()

    return on_line


def test_one_request_is_one_sigint(tmp_path):
    interrupts, lines, notes = Interrupts(), [], []
    counting = job(tmp_path, COUNTING, "1")

    finished = run_program(counting, stop_when_ready(interrupts, 1, lines), interrupts, lambda: False, notes.append)

    assert (finished.interrupted, finished.code, lines) == (True, 0, ["ready", "hit 1"])
    assert notes == ["stopping: Terraform finishes calls in flight, then exits"]


def test_a_second_request_is_a_second_sigint_and_a_third_is_ignored(tmp_path):
    interrupts, lines = Interrupts(), []
    finished, _ = go(job(tmp_path, COUNTING, "2"), interrupts, stop_when_ready(interrupts, 3, lines))
    assert (finished.code, lines) == (0, ["ready", "hit 2"])


def test_a_request_waits_for_a_call_in_flight(tmp_path):
    interrupts = Interrupts()
    interrupts.request()
    started = time.monotonic()
    busy_for = 0.5
    finished, _ = go(job(tmp_path, COUNTING, "1"), interrupts, busy=lambda: time.monotonic() - started < busy_for)
    assert finished.interrupted
    assert time.monotonic() - started >= busy_for


def test_a_timeout_interrupts(tmp_path):
    finished, _ = go(job(tmp_path, COUNTING, "1", timeout=0.3))
    assert (finished.timed_out, finished.interrupted) == (True, False)


def test_a_child_that_outlives_the_program_is_killed(tmp_path):
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    _, lines = go(job(tmp_path, code))
    deadline = time.monotonic() + 5
    while _alive(int(lines[0])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(int(lines[0]))


def test_a_failing_listener_does_not_stop_the_program(tmp_path):
    def fail(_line: str) -> None:
        raise ValueError("listener failed")

    code = "import pathlib, time; print('a', flush=True); time.sleep(0.3); pathlib.Path('saved').touch()"
    with pytest.raises(ValueError, match="listener failed"):
        go(job(tmp_path, code), on_line=fail)
    assert (tmp_path / "saved").exists()


def test_a_program_that_cannot_start_raises_oserror(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        run_program(Job(["/nowhere/terraform"], tmp_path, {}, tmp_path / "log"), print, Interrupts(), lambda: False)


def test_signals_are_counted_only_while_listening():
    interrupts = Interrupts()
    with interrupts.listening():
        os.kill(os.getpid(), 15)
        os.kill(os.getpid(), 1)
    assert (interrupts.count, interrupts.first) == (2, "SIGTERM")
    with pytest.raises(InterruptedRunError, match="SIGTERM"):
        interrupts.check()


@pytest.fixture
def ignored_hangup():
    """Ignore SIGHUP, as nohup does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_an_ignored_signal_stays_ignored(ignored_hangup):
    interrupts = Interrupts()
    with interrupts.listening():
        os.kill(os.getpid(), signal.SIGHUP)
    assert interrupts.count == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_sandbox_does_not_pass_on_an_ignored_signal(ignored_hangup):
    code = """if True:
        import os, signal, time
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.kill(os.getppid(), signal.SIGHUP)
        time.sleep(0.5)
    """
    nowhere = Sandbox("", {}, (), None, None)
    assert run_command(nowhere, [sys.executable, "-c", code], environment={}) == 0


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_job_that_cannot_succeed_is_stopped_without_being_interrupted(tmp_path):
    began = time.monotonic()
    sleeping = job(tmp_path, "import time; time.sleep(30)")

    finished = run_program(sleeping, lambda _: None, Interrupts(), gives_up=lambda: time.monotonic() - began > 0.3)

    assert finished.code != 0
    assert (finished.timed_out, finished.interrupted) == (False, False)
    assert time.monotonic() - began < 15
