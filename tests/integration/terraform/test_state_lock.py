"""Terraform's lock on a state: waiting for it, and the hint for a stale lock in a bucket."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import TFDRIVER, World, use_buckets
from tests.integration.deploy.test_recovery import LONGEST, UP, last_apply, release, start, wait_for, wait_until

pytestmark = pytest.mark.integration


@pytest.mark.faults
@pytest.mark.parametrize("small_world_with_a_fault", [{"call": "dynamodb:CreateTable", "when": "after"}], indirect=True)
def test_a_stale_lock_in_a_bucket_gets_the_unlock_command(small_world_with_a_fault: World, tmp_path: Path):
    world = small_world_with_a_fault
    use_buckets(world)
    run = start(world, tmp_path / "pids", *UP)
    wait_for(tmp_path / "reached")
    os.kill(last_apply(tmp_path / "pids"), signal.SIGKILL)
    release(tmp_path / "reached")
    stderr = run.communicate(timeout=LONGEST)[1].decode()
    assert run.returncode == 3, stderr

    refused = world.tfdriver("destroy", "--yes")
    assert refused.returncode == 3, refused.stderr
    assert re.search(r"account_a: the state is locked by \S+@\S+ since [\d-]+ [\d:]+ UTC \(apply\)", refused.stderr)
    assert "The process that took the lock no longer runs on this machine" in refused.stderr
    command = re.search(r"`terraform (-chdir=\S+ force-unlock \S+)`, then the same command again", refused.stderr)
    assert command, refused.stderr

    unlocked = world.run(
        ["terraform", *command[1].replace("force-unlock", "force-unlock -force").split()], world.project
    )
    assert unlocked.returncode == 0, unlocked.stderr
    destroyed = world.tfdriver("destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert world.client("iam", "account_a").list_roles()["Roles"] == []
    assert world.client("dynamodb", "account_a").list_tables()["TableNames"] == []


@pytest.mark.long
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
