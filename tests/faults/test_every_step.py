"""tfdriver dies before its n-th step on the disk, for every n: the next run ends where an undisturbed one does.

See `dying` for what a step is. In the fake world, so that there may be hundreds of them; TFDRIVER_EVERY: try only
every so manieth.
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

from tests.fakes.world import Stage, make_stage
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
LONGEST = 60  # seconds; reached only by a run that hangs
BAR = "arn:aws:iam::222222222222:role/bar"


def dies(stage: Stage, command: Callable[..., Any], number: int) -> bool:
    """Run a command in a process of its own that dies before a step; return whether it got that far."""
    argv = [sys.executable, "-m", "tests.faults.dying", str(number), str(stage.project), command.__name__]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert ended.returncode in (0, DIED), f"step {number}: {ended.stderr}"
    with locked(stage.project, "test", Waiting(30)):  # until a Terraform that it left behind has ended
        return ended.returncode == DIED


def after_nothing(_stage: Stage) -> None:
    """Begin in a fresh project."""


def after_half(stage: Stage) -> None:
    """Begin half way, the trust broad."""
    stage.run(up, tighten=False)


def after_up(stage: Stage) -> None:
    """Begin where all is exact."""
    stage.run(up)


def states(stage: Stage) -> list[list[str]]:
    """The ARNs that each state lists."""
    found = sorted(stage.project.glob("compositions/*/terraform.tfstate"))
    bodies = [json.loads(path.read_text()) for path in found]
    return [[r["instances"][0]["attributes"]["arn"] for r in body["resources"]] for body in bodies]


def trusts(stage: Stage) -> list[trust.Trust | None]:
    return [trust.read_trust(role["trust"]) for role in stage.world.data["roles"].values() if role["name"] == "foo_bar"]


def check(stage: Stage, command: Callable[..., Any]) -> None:
    """Where an undisturbed run of the command ends."""
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
    ("command", "begin"), [(up, after_nothing), (up, after_half), (tighten, after_half), (destroy, after_up)]
)
def test_dying_at_a_step(every: int, command: Callable[..., Any], begin: Callable[[Stage], None], tmp_path: Path):
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
    assert number > every, "it never died"
