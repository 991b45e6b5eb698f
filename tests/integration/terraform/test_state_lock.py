"""Terraform's lock on a state: who holds it, waiting for it, and the lock that a killed run left in a bucket."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.trustlog import loosened
from tests.integration.conftest import TFDRIVER, World, copy_small, make_world, use_buckets
from tests.integration.deploy.test_recovery import BAR, LONGEST, UP, last_apply, release, start, wait_for, wait_until

pytestmark = pytest.mark.integration


FOO = "arn:aws:iam::111111111111:role/foo_bar"
HELD = r"compositions/{}: the state is locked by \S+@\S+ since [\d-]+ [\d:]+ UTC \(apply\)"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A small world in which the first CreateTable and the first DeleteRole of account B wait for a file."""
    creating = {"call": "dynamodb:CreateTable", "touch": str(tmp_path / "creating"), "wait_for": str(tmp_path / "go")}
    deleting = {"call": "iam:DeleteRole", "account": "222222222222", "when": "after"}
    deleting |= {"touch": str(tmp_path / "deleting"), "wait_for": str(tmp_path / "killed")}
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"faults": [creating | {"nth": 1}, deleting | {"nth": 1}]}))
    yield from make_world(copy_small(tmp_path), tmp_path, faults)


@pytest.mark.long
def test_states_in_buckets_are_locked_for_other_clones_and_the_lock_of_a_killed_run_is_removed(
    world: World, tmp_path: Path
):
    use_buckets(world)
    clone, pids = tmp_path / "clone", tmp_path / "pids"
    shutil.copytree(world.project, clone)
    in_clone = [str(TFDRIVER), "-C", str(clone)]
    first = start(world, pids, *UP)
    wait_for(tmp_path / "creating")

    refused = world.run([*in_clone, *UP])
    assert refused.returncode == 3
    assert re.search(HELD.format("account_a"), refused.stderr), refused.stderr
    assert "on this machine may hold the lock. Wait for it to end, or give --lock-timeout 5m" in refused.stderr
    seen = world.run([*in_clone, "status"]).stdout
    assert re.search(r"account_a: not applied; the state is locked by \S+ since .* \(apply\)", seen), seen
    with (tmp_path / "stderr").open("w") as stderr:
        command = [*in_clone, *UP, "--lock-timeout", "3m"]
        waiting = subprocess.Popen(command, env=world.environ, stdin=subprocess.DEVNULL, stderr=stderr)
    wait_until(lambda: "waiting: compositions/account_a: the state is locked by" in stderr_of(tmp_path))
    (tmp_path / "go").touch()
    assert waiting.wait(LONGEST) == 0, stderr_of(tmp_path)
    assert first.wait(LONGEST) == 0, first.communicate()
    assert loosened(world.calls(), FOO, BAR) == []

    second = start(world, pids, "destroy", "--yes")
    wait_for(tmp_path / "deleting")
    os.kill(last_apply(pids), signal.SIGKILL)
    (tmp_path / "killed").touch()
    assert second.wait(LONGEST) == 1
    elsewhere = world.run([*in_clone, "destroy", "--yes"])
    assert elsewhere.returncode == 1
    assert re.search(HELD.format("account_b"), elsewhere.stderr), elsewhere.stderr
    again = world.tfdriver("destroy", "--yes")
    assert again.returncode == 0, again.stderr
    assert re.search(HELD.format("account_b") + ", by a run of this folder that was killed; removed", again.stderr)
    assert world.client("dynamodb", "account_a").list_tables()["TableNames"] == []
    for account, number in (("account_a", "111111111111"), ("account_b", "222222222222")):
        left = world.client("s3", account).list_objects_v2(Bucket=f"our-states-{number}")["Contents"]
        assert [entry["Key"] for entry in left] == [account]


@pytest.mark.faults
@pytest.mark.parametrize(
    "small_world_with_a_fault", [{"call": "sts:GetCallerIdentity", "agent": "Terraform"}], indirect=True
)
def test_a_terraform_started_by_hand_is_named_and_waited_for(small_world_with_a_fault: World, tmp_path: Path):
    world = small_world_with_a_fault
    assert world.tfdriver("render").returncode == 0
    assert world.terraform("account_a", "init").returncode == 0
    folder = world.project / "compositions/account_a"
    by_hand = subprocess.Popen(["terraform", "plan"], cwd=folder, env=world.environ, stdout=subprocess.DEVNULL)
    try:
        wait_for(tmp_path / "reached")
        refused = world.tfdriver(*UP)
        assert refused.returncode == 1
        assert re.search(r"the state is locked by \S+ since .* UTC \(plan\)", refused.stderr), refused.stderr
        assert "Wait for it to end, or give --lock-timeout 5m" in refused.stderr
        assert "force-unlock" not in refused.stderr

        with (tmp_path / "stderr").open("w") as stderr:
            command = [str(TFDRIVER), "-C", str(world.project), *UP, "--lock-timeout", "2m"]
            waiting = subprocess.Popen(command, env=world.environ, stdin=subprocess.DEVNULL, stderr=stderr)
        wait_until(lambda: "waiting: compositions/account_a: the state is locked by" in stderr_of(tmp_path))
    finally:
        release(tmp_path / "reached")
        assert by_hand.wait(LONGEST) == 0
    assert waiting.wait(LONGEST) == 0, stderr_of(tmp_path)


def stderr_of(folder: Path) -> str:
    return (folder / "stderr").read_text()
