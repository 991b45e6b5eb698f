"""The holder of a state lock, and the hint for it."""

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
from tfdriver.terraform.state_lock import StateLock, backend_lock_hint, terraform_pids
from tfdriver.waiting import Waiting

SINCE = datetime(2026, 11, 25, 22, 48, 21, 409816, tzinfo=UTC)
LOCK = StateLock("a7376f3d-e63e-8b7f", "ops@ci-7", "apply", SINCE)
UNLOCK = "run `terraform -chdir=compositions/account_a force-unlock a7376f3d-e63e-8b7f`, then the same command again"

# From Terraform 1.11: the backend's error, then the lock's description.
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


def test_the_lock_in_an_error_is_parsed():
    assert state_lock.parse_lock(f"Error acquiring the state lock: {DETAIL}") == LOCK
    assert state_lock.parse_lock(f"Error acquiring the state lock: {' '.join(DETAIL.split())}") == LOCK
    assert str(LOCK) == "the state is locked by ops@ci-7 since 2026-11-25 22:48:21 UTC (apply)"


@pytest.mark.parametrize("text", ["", "AccessDenied", "Error acquiring the state lock: no answer", DETAIL])
def test_other_errors_have_no_lock(text: str):
    assert state_lock.parse_lock(text) is None


def test_a_lock_of_another_host_may_be_in_use():
    hint = backend_lock_hint(LOCK, "compositions/account_a", "laptop", running=[], initialized=True)
    assert hint == (f"If that run is in progress on ci-7, wait, or give --lock-timeout 5m; only if it ended, {UNLOCK}")


def test_a_lock_of_this_host_with_an_older_terraform_may_be_in_use():
    hint = backend_lock_hint(LOCK, "compositions/account_a", "ci-7", running=[12, 345], initialized=True)
    assert hint == f"Process 12, 345 on this machine may hold the lock. {state_lock.WAIT}"


def test_a_lock_of_this_host_without_its_terraform_is_stale():
    hint = backend_lock_hint(LOCK, "compositions/account_a", "ci-7", running=[], initialized=True)
    assert hint == f"The process that took the lock no longer runs on this machine: {UNLOCK}"


def test_a_lock_on_a_local_state_is_never_removed(tmp_path: Path):
    assert state_lock.lock_hint(LOCK, tmp_path) == state_lock.WAIT


def test_a_stale_lock_in_a_backend_gets_the_unlock_command(tmp_path: Path):
    folder = tmp_path / "account_a"
    (folder / ".terraform").mkdir(parents=True)
    (folder / "backend.tf").write_text('terraform {\n  backend "s3" {\n    bucket = "b"\n  }\n}\n')
    record = {"backend": {"type": "s3", "config": {"bucket": "b"}}}
    (folder / ".terraform/terraform.tfstate").write_text(json.dumps(record))

    assert UNLOCK in state_lock.lock_hint(LOCK, folder)
    (folder / ".terraform/terraform.tfstate").unlink()
    first = "run `tfdriver render`, `terraform -chdir=compositions/account_a init -reconfigure` and `terraform -chdir"
    assert first in state_lock.lock_hint(LOCK, folder)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock a local state as Terraform does."""
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


def test_a_locked_local_state_is_refused(tmp_path: Path):
    with held(tmp_path), pytest.raises(TfdriverError) as caught:
        state_lock.wait_for_local(tmp_path, Waiting())
    assert caught.value.what.endswith("another Terraform holds the lock on the state")
    assert caught.value.hint == state_lock.WAIT
    state_lock.wait_for_local(tmp_path, Waiting())


def test_the_holder_of_a_local_lock_is_named(tmp_path: Path):
    (tmp_path / ".terraform.tfstate.lock.info").write_text(json.dumps(INFO))
    with held(tmp_path), pytest.raises(TfdriverError) as caught:
        state_lock.wait_for_local(tmp_path, Waiting())
    assert caught.value.what.endswith("the state is locked by ops@laptop since 2026-11-25 22:48:21 UTC (apply)")
    state_lock.wait_for_local(tmp_path, Waiting())  # the file of a killed Terraform is not a lock


def test_the_end_of_a_local_lock_is_waited_for(tmp_path: Path):
    notes: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(held(tmp_path))
        waiting = Waiting(60, Clock(sleep=lambda _: stack.close()), tell=notes.append)
        state_lock.wait_for_local(tmp_path, waiting)
    assert len(notes) == 1
    assert notes[0].startswith("compositions/")


def test_only_older_terraform_processes_are_listed(tmp_path: Path):
    program = tmp_path / "terraform"
    program.symlink_to("/bin/sleep")
    lookalikes = [["/bin/sleep", "31"], [sys.executable, "-c", "import time; time.sleep(31)", "terraform"]]
    processes = [subprocess.Popen(argv) for argv in ([str(program), "31"], *lookalikes)]
    try:
        end = time.monotonic() + 10
        while not psutil.Process(processes[0].pid).cmdline() and time.monotonic() < end:
            time.sleep(0.01)

        now = datetime.now(UTC)
        assert {p.pid for p in processes} & set(terraform_pids(now)) == {processes[0].pid}
        assert processes[0].pid not in terraform_pids(now - timedelta(hours=1))
        assert os.getpid() not in terraform_pids(now)
    finally:
        for process in processes:
            process.kill()
            process.wait()
