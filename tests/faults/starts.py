"""The four starts of cells, copied from one undisturbed run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from tests.faults import contents, processes
from tests.faults.points import BETWEEN_1_2, BETWEEN_2_3
from tests.faults.scene import PATIENCE, Run, Scene, Start, opened

PROJECT = Path(__file__).with_name("project")
_KEPT = (".terraform", ".terraform.lock.hcl")  # they make init fast


def make_starts(folder: Path) -> Mapping[str, Start]:
    """Run `up` once and return `new`, `broad` (after phase 1), `connected` (after phase 2) and `exact`."""
    rules = []
    for name, point in (("broad", BETWEEN_1_2), ("connected", BETWEEN_2_3)):
        (main, made) = point.rules(folder, {"nth": 1, "wait_for": str(folder / f"go-{name}")})
        renamed = {"if": str(folder / f"made-{name}")}
        rules += [main | renamed | {"touch": str(folder / name)}, made | {"touch": renamed["if"]}]
    with opened(Start(PROJECT, {}), folder, rules) as scene:
        contents.create_bystanders(scene.world)
        nothing = contents.read(scene.world)
        scene.file("armed").touch()
        run = Run(scene, "up")
        starts = {}
        for name in ("broad", "connected"):
            assert scene.wait_for(name, run), run.wait().text
            starts[name] = _take(scene, name)
            scene.file(f"go-{name}").touch()
        ended = run.wait()
        assert ended.code == 0, ended.text
        starts["exact"] = _take(scene, "exact")
        for composition in ("account_a", "account_b"):
            plan = scene.world.terraform(composition, "plan", "-detailed-exitcode")
            assert plan.returncode == 0, plan.stdout
        return starts | {"new": Start(_new(starts["exact"].project, folder), nothing)}


def _take(scene: Scene, name: str) -> Start:
    end = time.monotonic() + PATIENCE
    while processes.find(scene.home, "terraform"):  # phase 3 starts while phase 2 still runs
        assert time.monotonic() < end
        time.sleep(0.05)
    copy = scene.folder / f"start-{name}"
    shutil.copytree(scene.world.project, copy, symlinks=True)
    return Start(copy, contents.read(scene.world))


def _new(exact: Path, folder: Path) -> Path:
    new = folder / "start-new"
    shutil.copytree(PROJECT, new)
    for composition in (exact / "compositions").iterdir():
        for name in _KEPT if composition.is_dir() else ():
            source, target = composition / name, new / "compositions" / composition.name / name
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            elif source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
    return new
