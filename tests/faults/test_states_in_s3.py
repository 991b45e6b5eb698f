"""Faults of states in S3, and kills while states move there and back: nothing is lost, and the next run finishes."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.faults import contents, invariants
from tests.faults.cell import managed_at_end
from tests.faults.dying import DIED
from tests.faults.s3_faults import PLACES, S3_FAULTS, TITLE, A, S3Fault, read_object, s3, write_object
from tests.faults.scene import FULL_INIT, Ended, Run, Scene, Start, opened
from tests.integration.conftest import TFDRIVER, use_buckets

pytestmark = pytest.mark.faults


@contextmanager
def in_s3(start: Start, folder: Path, rules: list[dict[str, object]]) -> Iterator[Scene]:
    """Yield a scene whose states are in S3."""
    with opened(start, folder, rules) as scene:
        scene.file(FULL_INIT).touch()
        use_buckets(scene.world)
        for local in scene.world.project.glob("compositions/*/terraform.tfstate"):
            write_object(scene.world, local.read_bytes(), local.parent.name)
            local.unlink()
        yield scene


def rules_of(fault: S3Fault, folder: Path) -> list[dict[str, object]]:
    """The rules of the sandbox: the fault's while the file `armed` exists, and the hold of CreateRole in account_a."""
    armed = {"if": str(folder / "armed")}
    held = {"call": "iam:CreateRole", "account": A, "when": "after", "if": str(folder / "held")}
    held |= {"touch": str(folder / "reached"), "wait_for": str(folder / "go")}
    return [*([fault.rule | armed] if fault.rule else []), *([held] if fault.held else [])]


def faulted(scene: Scene, fault: S3Fault) -> Ended:
    if not fault.held:
        fault.act(scene, None)
        scene.file("armed").touch()
        return Run(scene, "up").wait()
    scene.file("held").touch()
    run = Run(scene, "up")
    assert scene.wait_for("reached", run), run.wait().text
    fault.act(scene, run)
    scene.file("armed").touch()
    scene.file("go").touch()
    return run.wait()


def resources(states: Iterable[bytes]) -> list[int]:
    """The number of managed resources in each state."""
    bodies = map(json.loads, states)
    return [sum(len(r["instances"]) for r in body["resources"] if r["mode"] == "managed") for body in bodies]


def unlock_as_the_hint_says(scene: Scene, ended: Ended) -> str:
    hint = re.search(r"(`tfdriver render`.*)?`terraform -chdir=\S+ force-unlock \S+`", ended.text, re.DOTALL)
    commands = re.findall(r"`([^`]+)`", hint[0]) if hint else []
    for command in commands:
        words = shlex.split(command.replace("force-unlock", "force-unlock -force"))
        words[0] = str(TFDRIVER) if words[0] == "tfdriver" else words[0]
        done = scene.world.run(words, scene.world.project)
        assert done.returncode == 0, done.stderr
    return f"up: exit {ended.code}; force-unlock, as the hint says" if commands else ""


@pytest.mark.parametrize("fault", S3_FAULTS, ids=[fault.title.replace(" ", "-") for fault in S3_FAULTS])
def test_the_next_run_finishes_after_a_fault_of_s3(
    fault: S3Fault, starts: Mapping[str, Start], tmp_path: Path, record_property
) -> None:
    record_property("cell", (TITLE, fault.title))
    with in_s3(starts[fault.start], tmp_path, rules_of(fault, tmp_path)) as scene:
        before = len(scene.world.calls())
        ended = faulted(scene, fault)
        assert ended.code == fault.code, ended.text
        assert re.search(fault.words, ended.text), ended.text
        assert not fault.nothing_written or written(scene, before) == []
        now = contents.read(scene.world)
        invariants.check_open_trust_reported(ended, now)
        invariants.check_processes_and_files(scene)

        scene.file("armed").unlink()
        fault.undo(scene)
        steps = [unlock_as_the_hint_says(scene, ended)]
        last = Run(scene, "up").wait()
        steps.append(f"up: exit {last.code}")
        assert last.code == 0, last.text
        check_converged(scene, managed_at_end("up", starts))
        code = (re.search(r"error\[(\w+)\]", ended.text) or ["", ""])[1]
        row = f"exit {ended.code}" + (f", `{code}`" if code else "")
        record_property("row", (row + (", trust broad" if ended.code == 3 else ""), "; ".join(filter(None, steps))))


def written(scene: Scene, since: int) -> list[str]:
    """The changes of roles and tables since a line of the log."""
    return [action for action in scene.world.writes(since) if "Object" not in action and "Bucket" not in action]


def check_converged(scene: Scene, expected: contents.Contents, *, in_buckets: bool = True) -> None:
    now = contents.read(scene.world)
    assert contents.managed(now) == expected
    local = sorted(scene.world.project.glob("compositions/*/terraform.tfstate"))
    assert not (in_buckets and local)
    states = (read_object(scene.world, account) for account in PLACES)
    assert resources(states if in_buckets else [path.read_bytes() for path in local]) == [3, 2]
    invariants.check_log(scene)
    invariants.check_bystanders(scene, now)
    invariants.check_processes_and_files(scene)
    for account in PLACES if in_buckets else ():
        keys = [found["Key"] for found in s3(scene.world, account).list_objects_v2(Bucket=PLACES[account])["Contents"]]
        assert keys == [account]


@contextmanager
def to_be_moved(start: Start, folder: Path, *, back: bool) -> Iterator[Scene]:
    """Yield a scene with an exact trust, whose spec wants the states in S3; or back in local files."""
    if not back:
        with opened(start, folder, []) as scene:
            scene.file(FULL_INIT).touch()
            use_buckets(scene.world)
            yield scene
        return
    with in_s3(start, folder, []) as scene:
        ended = Run(scene, "up").wait()
        assert ended.code == 0, ended.text
        spec = scene.world.project / "tfdriver.yaml"
        spec.write_text("".join(line for line in spec.open() if not line.startswith("state:")))
        yield scene


@pytest.mark.parametrize("back", [False, True], ids=["to S3", "back"])
def test_the_next_run_finishes_a_move_that_was_killed_before_any_step(
    back: bool, starts: Mapping[str, Start], tmp_path: Path
) -> None:
    for number in count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        with to_be_moved(starts["exact"], folder, back=back) as scene:
            program = (sys.executable, "-m", "tests.faults.moving", str(number))
            killed = Run(scene, "up", program=program).wait()
            assert killed.code in (0, DIED), killed.text
            last = Run(scene, "up").wait()
            assert last.code == 0, last.text
            check_converged(scene, managed_at_end("up", starts), in_buckets=not back)
        if killed.code == 0:
            break
    assert number > 5, "the process was hardly ever killed"
