"""Killed runs with real Terraform: the next run completes the work and creates nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import TFDRIVER, World, first_call_faults, make_world
from tests.integration.deploy.test_story import BAR, left_over
from tfdriver.project.timeline import read_timeline

pytestmark = pytest.mark.integration

EXACT = {"Effect": "Allow", "Principal": {"AWS": BAR}, "Action": "sts:AssumeRole"}
UP = ("up", "--yes", "--no-verify")
LONGEST = 120  # seconds; reached only by a test that fails


@pytest.fixture
def reached(tmp_path: Path) -> Path:
    """The file that the sandbox creates when it reaches the fault."""
    return tmp_path / "reached"


@pytest.fixture
def world(project: Path, tmp_path: Path, reached: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world with the fault `request.param` at its first call."""
    yield from make_world(project, tmp_path, first_call_faults(tmp_path, request.param))


def start(world: World, pids: Path, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
    """Start tfdriver with a Terraform that records its process ids. environ: further variables."""
    found = world.run(["sh", "-c", "command -v terraform"]).stdout.strip()
    shim = pids.with_name("recording-terraform")
    shim.write_text(f'#!/bin/sh\necho "$1 $$" >> "{pids}"\nexec "{found}" "$@"\n')
    shim.chmod(0o755)
    argv = [str(TFDRIVER), "-C", str(world.project), *arguments]
    environ = world.environ | environ | {"TFDRIVER_TERRAFORM": str(shim)}
    return subprocess.Popen(
        argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for(path: Path) -> None:
    wait_until(path.exists)


def wait_for_role(world: World) -> None:
    """Return once the trusting role exists: Terraform creates it beside the table."""
    wait_until(lambda: world.client("iam", "account_a").list_roles()["Roles"])


def release(reached: Path) -> None:
    """Let the held call go on."""
    reached.with_name("go").touch()


def last_apply(pids: Path) -> int:
    return [int(line.split()[1]) for line in pids.read_text().splitlines() if line.startswith("apply ")][-1]


def up_whose_terraform_is_killed(world: World, reached: Path, pids: Path, **environ: str) -> str:
    """Kill the Terraform of `tfdriver up` once the fault is reached; return the stderr of the failed run."""
    run = start(world, pids, *UP, **environ)
    wait_for(reached)
    wait_for_role(world)
    os.kill(last_apply(pids), signal.SIGKILL)
    release(reached)
    stderr: str = run.communicate(timeout=LONGEST)[1].decode()
    assert run.returncode == 3, stderr
    return stderr


def created(world: World) -> list[str]:
    """The successful creating actions, sorted, with repetitions."""
    calls: list[dict[str, Any]] = [c for c in world.calls() if c["action"].startswith(("Create", "Add", "PutTargets"))]
    return sorted(c["action"] for c in calls if not c["error"])


WHOLE = sorted(
    [
        *("CreateTable", "CreateRole", "CreatePolicy"),
        *("CreateRole", "CreatePolicy", "CreateLogGroup", "CreateFunction", "AddPermission", "PutTargets"),
    ]
)


def converged(world: World) -> bool:
    statement = world.trust()
    principal = statement["Principal"]["AWS"]
    exact = statement | {"Principal": {"AWS": principal if isinstance(principal, str) else principal[0]}} == EXACT
    return exact and world.unchanged() and not list(world.project.glob("compositions/*/imports.tf"))


@pytest.mark.long
@pytest.mark.parametrize("world", [{"call": "dynamodb:CreateTable", "when": "after"}], indirect=True)
def test_terraform_killed_right_after_it_created_the_table(world: World, reached: Path, tmp_path: Path):
    assert "was killed by signal 9" in up_whose_terraform_is_killed(world, reached, tmp_path / "pids")

    again = world.tfdriver(*UP)
    assert again.returncode == 0, again.stderr
    assert "adopting aws_dynamodb_table TestTable, which is missing from state" in again.stderr
    assert converged(world)
    assert created(world) == WHOLE

    for copy in (world.project / "compositions/account_a").rglob("terraform.tfstate*"):
        copy.write_text("") if copy.is_file() else None
    iam, policy = world.client("iam", "account_a"), "arn:aws:iam::aws:policy/ReadOnlyAccess"
    iam.attach_role_policy(RoleName="foo_bar", PolicyArn=policy)
    refused = world.tfdriver("destroy", "--yes")
    assert refused.returncode == 1
    assert f"it has policies that this project did not attach: {policy}" in refused.stderr
    iam.detach_role_policy(RoleName="foo_bar", PolicyArn=policy)
    destroyed = world.tfdriver("destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert left_over(world) == []


@pytest.mark.long
@pytest.mark.parametrize("world", [{"call": "lambda:CreateFunction"}], indirect=True)
def test_tfdriver_killed_during_the_trusted_sides_apply(world: World, reached: Path, tmp_path: Path):
    run = start(world, tmp_path / "pids", *UP)
    wait_for(reached)
    run.kill()
    run.communicate(timeout=LONGEST)
    at_once = world.tfdriver(*UP)
    assert at_once.returncode == 3
    assert "was killed, its Terraform is still running" in at_once.stderr
    assert "In force now: role foo_bar in account_a trusts account 222222222222" in at_once.stderr

    release(reached)
    again = world.tfdriver(*UP, "--lock-timeout", "2m")
    assert again.returncode == 0, again.stderr
    assert world.client("lambda", "account_b").list_functions()["Functions"]
    assert "adopting" not in again.stderr
    assert converged(world)
    assert created(world) == WHOLE


@pytest.mark.long
@pytest.mark.parametrize("small_world_with_a_fault", [{"call": "iam:CreateRole", "when": "after"}], indirect=True)
def test_an_exposure_of_a_terraform_killed_without_the_proxy_is_recorded_and_ended(
    small_world_with_a_fault: World, reached: Path, tmp_path: Path
):
    world = small_world_with_a_fault
    up_whose_terraform_is_killed(world, reached, tmp_path / "pids", TFDRIVER_PROXY="0")

    def lines() -> list[tuple[str, bool]]:
        return [(c.kind, c.seen) for c in read_timeline(world.project / "compositions/timeline.jsonl")]

    assert lines() == [("broad", True)]
    (window,) = json.loads(world.tfdriver("status", "--json").stdout)["result"]["exposures"]
    role = world.client("iam", "account_a").get_role(RoleName="foo_bar")["Role"]
    assert datetime.fromisoformat(window["opened"]) == role["CreateDate"]
    assert (window["closed"], window["seen"]) == (None, True)

    again = world.tfdriver(*UP)
    assert again.returncode == 0, again.stderr
    assert "approximately" in again.stdout
    assert lines() == [("broad", True), ("exact", False)]
    assert world.trusted() == [BAR]
    since = len(world.calls())
    assert world.tfdriver("status", "--drift", "--detailed-exitcode").returncode == 0
    assert world.writes(since) == []

    destroyed = world.tfdriver("destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert left_over(world) == []
    assert [p.name for p in world.project.glob("compositions/**/*") if p.is_file()] == ["timeline.jsonl"]
