"""Locks on states in S3 and runs in two clones at once, in a fake world."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.world import Stage, make_stage, use_backend
from tests.functional.inspect.test_status import read_status
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.inspect.role_pairs import Advice

ROOT = Path(__file__).parents[3]
SECOND_OF_LOCK = "2026-01-02T00:00:05"


@pytest.fixture
def shared(stage: Stage) -> Stage:
    use_backend(stage)
    return stage


def clone_of(stage: Stage, folder: Path) -> Stage:
    shutil.copytree(stage.project, folder, ignore=shutil.ignore_patterns("compositions"))
    return make_stage(folder, stage.world.path.parent)


def run_beside(clone: Stage, command: str) -> None:
    """Run a command in another process, which a thread may do: only the main one can handle signals."""
    program = clone.world.path.with_name("terraform")
    own = program.read_bytes()
    argv = [sys.executable, "-m", "tests.faults.dying", "1000000", str(clone.project), command]
    subprocess.run(argv, cwd=ROOT, check=True, timeout=60)
    program.write_bytes(own)  # it replaced the program by one for a server of its own


def lock(stage: Stage, who: str) -> None:
    created = f"{SECOND_OF_LOCK}.409816508Z"
    text = json.dumps({"ID": "a7376f3d", "Operation": "OperationTypeApply", "Who": who, "Created": created})
    stage.world.change(lambda world: world.update(locks={"account_a": text}))


def log_of_killed_apply(stage: Stage) -> None:
    """Write the log of a Terraform that took the lock of `lock`."""
    version = {"@timestamp": f"{SECOND_OF_LOCK}.3Z", "type": "version"}
    resource = {"addr": "module.foo_bar.aws_iam_role.this"}
    begun = {"@timestamp": f"{SECOND_OF_LOCK}.5Z", "type": "apply_start", "hook": {"resource": resource}}
    log = stage.project / "compositions/account_a/.tfdriver/apply.jsonl"
    log.write_text(f"{json.dumps(version)}\n{json.dumps(begun)}\n")


@pytest.mark.parametrize("command", [up, tighten, destroy])
def test_a_lock_of_another_host_is_waited_for_and_then_reported(shared, command, tmp_path):
    shared.after_up()
    lock(shared, "ops@ci-7")
    shared.lock_timeout = 0.01
    clone = clone_of(shared, tmp_path / "clone")

    with pytest.raises(TfdriverError) as caught:
        clone.run(command)
    with pytest.raises(TfdriverError, match="ops@ci-7"):
        shared.run(command)

    assert caught.value.code == "state_locked"
    what = "compositions/account_a: the state is locked by ops@ci-7 since 2026-01-02 00:00:05 UTC (apply)"
    assert caught.value.what == what
    assert "If that run is in progress on ci-7, wait" in caught.value.hint
    unlock = "terraform -chdir=compositions/account_a force-unlock a7376f3d"
    assert re.search(rf"`tfdriver render`, `terraform -chdir=\S+ init -reconfigure` and `{unlock}`", caught.value.hint)
    assert f"waiting: {what}" in shared.progress.said
    assert (clone.project / "compositions").exists() is False


def test_a_run_begins_once_the_lock_is_released(shared):
    shared.after_up()
    lock(shared, "ops@ci-7")
    shared.lock_timeout = 60
    shared.progress.note = lambda _: shared.world.change(lambda world: world.pop("locks", None))

    assert shared.run(up).summary == "nothing to change"


def test_status_names_who_holds_a_lock_and_does_not_propose_to_adopt(shared):
    shared.after_up()
    shared.world.path.with_name("account_a.tfstate").unlink()
    assert read_status(shared).advice == Advice.ADOPT
    lock(shared, "ops@ci-7")

    found = read_status(shared)

    assert "the state is locked by ops@ci-7 since" in found.compositions[0].locked
    assert (found.compositions[0].problem, found.compositions[1].locked) == ("", "")
    assert found.advice != Advice.ADOPT


def test_the_lock_of_a_killed_run_of_this_folder_is_removed_if_the_user_agrees(shared):
    shared.after_up()
    lock(shared, f"ops@{socket.gethostname()}")
    log_of_killed_apply(shared)

    with pytest.raises(TfdriverError, match=r"by a run of this folder that was killed.*Run `tfdriver up`"):
        shared.run(plan)
    assert "removed" not in str(shared.progress.said)
    shared.unlocks = []
    shared.run(up)

    assert "2026-01-02 00:00:05 UTC (apply), by a run of this folder that was killed" in str(shared.unlocks[0][0])
    assert shared.world.data["locks"] == {}


@pytest.mark.parametrize("who", ["ops@ci-7", f"ops@{socket.gethostname()}"])
def test_a_lock_that_may_be_in_use_is_not_removed(shared, who):
    shared.after_up()
    lock(shared, who)
    if who == "ops@ci-7":
        log_of_killed_apply(shared)
    shared.unlocks = []

    with pytest.raises(TfdriverError, match="the state is locked"):
        shared.run(up)

    assert (shared.unlocks, list(shared.world.data["locks"])) == ([], ["account_a"])


def test_a_trust_that_another_run_made_exact_during_the_plan_is_not_widened(shared, tmp_path):
    other = clone_of(shared, tmp_path / "other")
    plans = []

    def opened_by_other(_):
        other.run(up, tighten=False)
        return False

    def started(name: str, action: str) -> None:
        plans.append((name, action))
        if plans.count(("account_a", "plan")) == 2 and (name, action) == ("account_a", "plan"):
            run_beside(other, "tighten")

    shared.progress.started = started

    shared.run(up, confirm=opened_by_other)

    policies = [policy for _, name, policy in shared.world.data["writes"] if name == "foo_bar"]
    assert [found.broad for found in map(trust.read_trust, policies) if found] == [True, False]
    assert "was changed while Terraform planned, by another run" in str(shared.progress.said)
