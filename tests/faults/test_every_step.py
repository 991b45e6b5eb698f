"""tfdriver is killed before its n-th step on the disk, for every n, and the next run has the expected result.

`dying` defines a step. The fake world makes hundreds of steps possible. TFDRIVER_EVERY=n tests every n-th step only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.world import Stage, make_stage, use_backend
from tests.faults.dying import DIED
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.iam import trust
from tfdriver.project.init import init
from tfdriver.project.lock import locked
from tfdriver.waiting import Waiting

EVERY = int(os.environ.get("TFDRIVER_EVERY", "1"))
ROOT = Path(__file__).parents[2]
LONGEST = 60  # seconds until a run counts as hanging
BAR = "arn:aws:iam::222222222222:role/bar"


def dies(stage: Stage, command: Callable[..., Any], number: int) -> bool:
    """Run a command in a process that is killed before a step; return whether it reached that step."""
    argv = [sys.executable, "-m", "tests.faults.dying", str(number), str(stage.project), command.__name__]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert ended.returncode in (0, DIED), f"step {number}: {ended.stderr}"
    with locked(stage.project, "test", Waiting(30)):  # wait until its Terraform has ended
        return ended.returncode == DIED


def in_new_project(_stage: Stage) -> None:
    """Start with a new project."""


def with_broad_trust(stage: Stage) -> None:
    """Start with a broad trust in force."""
    stage.run(up, tighten=False)


def with_exact_trust(stage: Stage) -> None:
    """Start with an exact trust."""
    stage.run(up)


def with_states_to_move(stage: Stage) -> None:
    """Start with local states, and a spec that wants them in a bucket."""
    stage.run(up)
    use_backend(stage)


def with_states_to_move_back(stage: Stage) -> None:
    """Start with states in a bucket, and a spec that wants them in local files."""
    spec = stage.project / "tfdriver.yaml"
    local = spec.read_text()
    use_backend(stage)
    stage.run(up)
    spec.write_text(local)


def states(stage: Stage) -> list[list[str]]:
    """The ARNs in each state."""
    shared = "state:" in (stage.project / "tfdriver.yaml").read_text()
    local = sorted(stage.project.glob("compositions/*/terraform.tfstate"))
    found = sorted(stage.world.path.parent.glob("*.tfstate")) if shared else local
    assert not (shared and local)
    bodies = [json.loads(path.read_text()) for path in found]
    return [[r["instances"][0]["attributes"]["arn"] for r in body["resources"]] for body in bodies]


def trusts(stage: Stage) -> list[trust.Trust | None]:
    return [trust.read_trust(role["trust"]) for role in stage.world.data["roles"].values() if role["name"] == "foo_bar"]


def check(stage: Stage, command: Callable[..., Any]) -> None:
    """Check that the result is the one of an undisturbed run."""
    if command is destroy:
        assert stage.world.data["roles"] == {}
        assert states(stage) == []
        return
    assert trusts(stage) == [trust.Trust(frozenset({BAR}))]
    assert states(stage) == [["arn:aws:iam::111111111111:role/foo_bar"], [BAR]]
    left = [path.name for path in (stage.project / "compositions").rglob(".*.new")]
    assert left == []


@pytest.mark.parametrize(
    "every", [pytest.param(29, marks=pytest.mark.integration), pytest.param(EVERY, marks=pytest.mark.faults)]
)
@pytest.mark.parametrize(
    ("command", "begin"),
    [
        (up, in_new_project),
        (up, with_broad_trust),
        (tighten, with_broad_trust),
        (destroy, with_exact_trust),
        (up, with_states_to_move),
        (up, with_states_to_move_back),
    ],
)
def test_a_run_after_a_kill_before_any_step_has_the_expected_result(
    every: int, command: Callable[..., Any], begin: Callable[[Stage], None], tmp_path: Path
):
    start = tmp_path / "start"
    init(start / "project")
    begin(make_stage(start / "project", start / "home"))
    for number in count(1, every):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        shutil.copytree(start, tmp_path / "run", symlinks=True)
        stage = make_stage(tmp_path / "run/project", tmp_path / "run/home")
        died = dies(stage, command, number)
        assert all(found is None or found.guard or not found.broad for found in trusts(stage)), number
        stage.run(command)
        check(stage, command)
        if not died:
            break
    assert number > every, "the process was never killed"
