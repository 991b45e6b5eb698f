"""One cell of the matrix: a run meets a fault at a moment, the invariants are checked, the next run ends it all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import contents, invariants
from tests.faults.contents import Contents
from tests.faults.kinds import TMPFS_SIZE, Kind, can_protect
from tests.faults.points import Point
from tests.faults.scene import Ended, Run, Scene, Start, opened

_CLOCK_SPEED = 8.0


@dataclass(frozen=True)
class Row:
    """A line of the table. seen: what the faulted run did and left; then: what the next run did."""

    point: str
    fault: str
    seen: str
    then: str


def play(point: Point, kind: Kind, starts: Mapping[str, Start], folder: Path) -> Row:
    """Play a cell and return its line of the table. Raises AssertionError for an invariant that does not hold."""
    held = {"nth": 1, "wait_for": str(folder / "go")} if kind.held else dict(kind.rule)
    with ExitStack() as stack:
        project = stack.enter_context(_project(kind, folder))
        scene = stack.enter_context(opened(starts[point.start], folder, point.rules(folder, held), project))
        stack.callback(kind.undo, scene)
        ended = _faulted(scene, point, kind)
        seen = _check_faulted(scene, point, kind, ended)
        kind.undo(scene)
        wanted = ours_at_end(point.command, starts)
        done = ended.code == 0 and _is_there(scene, wanted)
        then = "nothing left to do" if done else converge(scene, point.command, wanted)
        return Row(point.title, kind.title, seen, then)


def ours_at_end(command: str, starts: Mapping[str, Start]) -> Contents:
    """Return what of ours is in AWS where an undisturbed run of the command ends."""
    return {} if command == "destroy" else contents.ours(starts["exact"].contents)


def _is_there(scene: Scene, wanted: Contents) -> bool:
    """Whether everything is already where an undisturbed run ends, and in the states."""
    now = contents.read(scene.world)
    return contents.ours(now) == wanted and not invariants.strays(scene, now) and not invariants.unreadable(scene)


def converge(scene: Scene, command: str, wanted: Contents) -> str:
    """I3: the same command again, and what it tells to do, end where an undisturbed run ends. Returns what was done."""
    strays = invariants.strays(scene, contents.read(scene.world))
    done = []
    for _ in range(4):
        ended = scene.run(command)
        done.append(f"{command}: exit {ended.code}")
        if ended.code == 0:
            break
        done.append(_cure(scene, ended))
    else:
        raise AssertionError(f"{'; '.join(done)}: {ended.text}")
    now = contents.read(scene.world)
    if command == "tighten" and contents.ours(now) != wanted:  # phase 3 alone does not mend the trusted side
        done.append(f"up: exit {scene.run('up').code}")
        now = contents.read(scene.world)
    assert contents.ours(now) == wanted
    invariants.check_states(scene, now)
    assert not invariants.unreadable(scene)
    invariants.check_log(scene)
    invariants.check_others(scene, now)
    invariants.check_quiet(scene)
    taken = "; took over " + ", ".join(strays) if strays and command != "destroy" else ""
    found = "; removed " + ", ".join(strays) if strays and command == "destroy" else ""
    return "; ".join(done) + taken + found


def _cure(scene: Scene, ended: Ended) -> str:
    """Do what the message of a refused run tells to do, as a person would."""
    if "is not managed by this project" in ended.text:
        contents.delete_role(scene.world, "account_b", "bar")
        return "refused, the role is somebody else's: removed by hand"
    if "tfdriver tighten --overwrite" in ended.text:
        code = scene.run("tighten", "--overwrite").code
        return f"refused, the trust is not ours: tighten --overwrite: exit {code}"
    if "tfdriver up" in ended.text:
        return f"tells to run up: exit {scene.run('up').code}"
    raise AssertionError(ended.text)


def _faulted(scene: Scene, point: Point, kind: Kind) -> Ended:
    lasting = kind.lasts and not point.terraform
    if kind.ahead or lasting:
        run = scene.clocked(point.command, ahead=kind.ahead, speed=_CLOCK_SPEED if lasting else 1)
    else:
        run = Run(scene, point.command, *kind.options)
    # Preflight must not count as the moment, nor may the moment come before it can.
    point.arm(scene)
    reached = scene.wait_for("reached", run)
    if reached:
        kind.act(scene, run)
        scene.file("go").touch()
    ended = run.wait()
    point.disarm(scene)  # from now on the test asks AWS itself
    assert reached, f"the moment never came: exit {ended.code}: {ended.text}"
    return ended


def _check_faulted(scene: Scene, point: Point, kind: Kind, ended: Ended) -> str:
    """Check what must hold right after the faulted run; return what was seen."""
    invariants.check_quiet(scene)
    now = contents.read(scene.world)
    invariants.check_log(scene)
    invariants.check_others(scene, {k: v for k, v in now.items() if v["tags"] != contents.STRANGERS_TAGS})
    # From then on the run itself cannot look, either.
    refused = kind.title == "AWS refuses" and not point.terraform
    invariants.check_said(ended, now, blind=refused or kind.title == "credentials expire")
    return ", ".join(filter(None, [_ending(ended), *_left(scene, now)]))


def _ending(ended: Ended) -> str:
    return f"exit {ended.code}" if ended.code >= 0 else f"killed by signal {-ended.code}"


def _left(scene: Scene, now: Contents) -> Iterator[str]:
    role = now.get((contents.A, "role", "foo_bar"))
    if role is None:
        yield "no trusting role"
    elif invariants.edited_by_hand(now):
        yield "trust as edited"
    elif invariants.broad_now(now):
        yield "trust broad"
    else:
        principal = role["trust"]["Statement"][0]["Principal"]["AWS"]
        principal = principal if isinstance(principal, str) else principal[0]
        yield "trust exact" if principal == contents.BAR else "trust names a dead id"
    if strays := invariants.strays(scene, now):
        yield f"in no state: {', '.join(strays)}"
    if broken := invariants.unreadable(scene):
        yield f"unreadable state of {', '.join(broken)}"


@contextmanager
def _project(kind: Kind, folder: Path) -> Iterator[Path]:
    """Give the folder for the project's files: on a small file system of its own for a disk that is to be full."""
    project = folder / "project"
    project.mkdir()
    if kind.title == "read-only folder" and (why := can_protect(folder)):
        pytest.skip(why)
    if not kind.tmpfs:
        yield project
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_SIZE},mode=0755", "tmpfs", str(project)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system to fill can be mounted by root only")
    try:
        yield project
    finally:
        subprocess.run(["umount", "-l", str(project)], check=False)
