"""Whose lock on a state it is, and what to do about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import psutil
import pytest

from tfdriver.clock import Clock
from tfdriver.errors import TfdriverError
from tfdriver.terraform import state_lock
from tfdriver.terraform.state_lock import StateLock, advise, at_work
from tfdriver.waiting import Waiting

SINCE = datetime(2026, 11, 25, 22, 48, 21, tzinfo=UTC)
LOCK = StateLock("a7376f3d-e63e-8b7f", "ops@ci-7", "apply", SINCE)
UNLOCK = "run `terraform -chdir=compositions/account_a force-unlock a7376f3d-e63e-8b7f`, then the same command again"

# Of Terraform 1.11: what a backend answers, then what the lock says of itself.
DETAIL = """Error message: operation error S3: PutObject, api error PreconditionFailed: At least one did not hold
Lock Info:
  ID:        a7376f3d-e63e-8b7f
  Path:      our-states/foo-bar/account_a
  Operation: OperationTypeApply
  Who:       ops@ci-7
  Version:   1.11.4
  Created:   2026-11-25 22:48:21.409816508 +0000 UTC
  Info:


Terraform acquires a state lock to protect the state from being written"""


def test_the_lock_in_an_error():
    assert state_lock.parse_lock(f"Error acquiring the state lock: {DETAIL}") == LOCK
    assert state_lock.parse_lock(f"Error acquiring the state lock: {' '.join(DETAIL.split())}") == LOCK
    assert str(LOCK) == "the state is locked by ops@ci-7 since 2026-11-25 22:48:21 UTC (apply)"


@pytest.mark.parametrize("text", ["", "AccessDenied", "Error acquiring the state lock: no answer", DETAIL])
def test_errors_that_tell_of_no_lock(text: str):
    assert state_lock.parse_lock(text) is None


def test_a_lock_of_another_host_may_be_live():
    said = advise(LOCK, "compositions/account_a", "laptop", running=[])
    assert said == (f"If it is still at work on ci-7, wait, or give --lock-timeout 5m; only if it is not, {UNLOCK}")


def test_a_lock_of_this_host_with_a_terraform_that_was_there_already():
    said = advise(LOCK, "compositions/account_a", "ci-7", running=[12, 345])
    assert said == "Process 12, 345 here may be it. Wait for it to end, or give --lock-timeout 5m to wait here"


def test_a_lock_of_this_host_whose_terraform_is_gone():
    said = advise(LOCK, "compositions/account_a", "ci-7", running=[])
    assert said == f"Whoever took it is no longer at work on this machine, so it was killed: {UNLOCK}"


def test_a_lock_on_a_local_state_is_never_taken_away(tmp_path: Path):
    assert state_lock.advice(LOCK, tmp_path) == "Wait for it to end, or give --lock-timeout 5m to wait here"


def test_a_lock_in_a_backend_is_looked_into(tmp_path: Path):
    (tmp_path / "account_a").mkdir()
    (tmp_path / "account_a/backend.tf").write_text('terraform {\n  backend "s3" {}\n}\n')
    assert UNLOCK in state_lock.advice(LOCK, tmp_path / "account_a")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a local state as a Terraform started by hand does."""
    state = folder / "terraform.tfstate"
    state.write_text("")
    code = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code, str(state)], stdin=PIPE, stdout=PIPE) as other:
        assert other.stdin and other.stdout
        other.stdout.readline()
        yield
        other.stdin.close()


INFO = {
    "ID": "1",
    "Operation": "OperationTypeApply",
    "Who": "ops@laptop",
    "Version": "1.11.4",
    "Created": "2026-11-25T22:48:21.409816508Z",
}


def test_a_local_state_that_a_terraform_is_writing(tmp_path: Path):
    with held(tmp_path), pytest.raises(TfdriverError) as caught:
        state_lock.wait_for_local(tmp_path, Waiting())
    assert caught.value.what.endswith("another Terraform is at work on the state")
    assert caught.value.hint == "Wait for it to end, or give --lock-timeout 5m to wait here"
    state_lock.wait_for_local(tmp_path, Waiting())


def test_who_is_writing_it(tmp_path: Path):
    (tmp_path / ".terraform.tfstate.lock.info").write_text(json.dumps(INFO))
    with held(tmp_path), pytest.raises(TfdriverError) as caught:
        state_lock.wait_for_local(tmp_path, Waiting())
    assert caught.value.what.endswith("the state is locked by ops@laptop since 2026-11-25 22:48:21 UTC (apply)")
    state_lock.wait_for_local(tmp_path, Waiting())  # what is left of a Terraform that was killed locks nobody out


def test_its_end_is_waited_for(tmp_path: Path):
    said: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(held(tmp_path))
        waiting = Waiting(60, Clock(sleep=lambda _: stack.close()), tell=said.append)
        state_lock.wait_for_local(tmp_path, waiting)
    assert len(said) == 1
    assert said[0].startswith("compositions/")


def test_the_terraforms_at_work_here(tmp_path: Path):
    program = tmp_path / "terraform"
    program.symlink_to("/bin/sleep")
    lookalikes = [["/bin/sleep", "31"], [sys.executable, "-c", "import time; time.sleep(31)", "terraform"]]
    processes = [subprocess.Popen(argv) for argv in ([str(program), "31"], *lookalikes)]
    try:
        end = time.monotonic() + 10
        while not psutil.Process(processes[0].pid).cmdline() and time.monotonic() < end:
            time.sleep(0.01)
        now = datetime.now(UTC)
        assert {p.pid for p in processes} & set(at_work(now)) == {processes[0].pid}
        assert processes[0].pid not in at_work(now - timedelta(hours=1))
        assert os.getpid() not in at_work(now)
    finally:
        for process in processes:
            process.kill()
            process.wait()
