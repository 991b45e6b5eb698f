"""A cell of the matrix: one run with one fault, the checks of the invariants, and the next run."""

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
    """A line of the table. result: of the faulted run; next_run: what was run then, with its results."""

    point: str
    fault: str
    result: str
    next_run: str


def play(point: Point, kind: Kind, starts: Mapping[str, Start], folder: Path) -> Row:
    """Play a cell and return its line of the table. Raises AssertionError for a violated invariant."""
    held = {"nth": 1, "wait_for": str(folder / "go")} if kind.held else dict(kind.rule)
    with ExitStack() as stack:
        project = stack.enter_context(_project(kind, folder))
        scene = stack.enter_context(opened(starts[point.start], folder, point.rules(folder, held), project))
        stack.callback(kind.undo, scene)
        ended = _faulted(scene, point, kind)
        result = _check_faulted(scene, point, kind, ended)
        kind.undo(scene)
        expected = managed_at_end(point.command, starts)
        done = ended.code == 0 and _is_converged(scene, expected)
        next_run = "nothing left to do" if done else converge(scene, point.command, expected)
        return Row(point.title, kind.title, result, next_run)


def managed_at_end(command: str, starts: Mapping[str, Start]) -> Contents:
    """Return the managed resources after an undisturbed run of the command."""
    return {} if command == "destroy" else contents.managed(starts["exact"].contents)


def _is_converged(scene: Scene, expected: Contents) -> bool:
    """Whether AWS and the states already have the result of an undisturbed run."""
    now = contents.read(scene.world)
    return (
        contents.managed(now) == expected and not invariants.orphaned(scene, now) and not invariants.unreadable(scene)
    )


def converge(scene: Scene, command: str, expected: Contents) -> str:
    """I3: run the same command again, follow its hints, and check the result. Returns what was run."""
    orphaned = invariants.orphaned(scene, contents.read(scene.world))
    done = []
    for _ in range(4):
        ended = scene.run(command)
        done.append(f"{command}: exit {ended.code}")
        if ended.code == 0:
            break
        done.append(_follow_hint(scene, ended))
    else:
        raise AssertionError(f"{'; '.join(done)}: {ended.text}")
    now = contents.read(scene.world)
    if command == "tighten" and contents.managed(now) != expected:  # phase 3 alone does not apply the trusted side
        done.append(f"up: exit {scene.run('up').code}")
        now = contents.read(scene.world)
    assert contents.managed(now) == expected
    invariants.check_states(scene, now)
    assert not invariants.unreadable(scene)
    invariants.check_log(scene)
    invariants.check_bystanders(scene, now)
    invariants.check_processes_and_files(scene)
    action = "removed" if command == "destroy" else "adopted"
    return "; ".join([*done, *([f"{action} {', '.join(orphaned)}"] if orphaned else [])])


def _follow_hint(scene: Scene, ended: Ended) -> str:
    """Follow the hint of a refused run."""
    if "is not managed by this project" in ended.text:
        contents.delete_role(scene.world, "account_b", "bar")
        return "refused: unmanaged role, deleted by hand"
    if "tfdriver tighten --overwrite" in ended.text:
        code = scene.run("tighten", "--overwrite").code
        return f"refused: unmanaged trust; tighten --overwrite: exit {code}"
    if "tfdriver up" in ended.text:
        return f"up, as the hint says: exit {scene.run('up').code}"
    raise AssertionError(ended.text)


def _faulted(scene: Scene, point: Point, kind: Kind) -> Ended:
    lasting = kind.lasts and point.agent == "Boto3"
    if kind.ahead or lasting:
        run = scene.clocked(point.command, ahead=kind.ahead, speed=_CLOCK_SPEED if lasting else 1)
    else:
        run = Run(scene, point.command, *kind.options)
    # The calls of preflight must not count as the moment of the fault.
    point.arm(scene)
    reached = scene.wait_for("reached", run)
    if reached:
        kind.act(scene, run)
        scene.file("go").touch()
    ended = run.wait()
    point.disarm(scene)  # the calls of the test itself must not match
    assert reached, f"the fault did not happen: exit {ended.code}: {ended.text}"
    return ended


def _check_faulted(scene: Scene, point: Point, kind: Kind, ended: Ended) -> str:
    """Check the invariants right after the faulted run; return its result."""
    invariants.check_processes_and_files(scene)
    now = contents.read(scene.world)
    invariants.check_log(scene)
    invariants.check_bystanders(scene, {k: v for k, v in now.items() if v["tags"] != contents.UNMANAGED_TAGS})
    # AWS refuses the calls of the run, so it cannot read the trust policy either.
    refused = kind.title == "AWS refuses" and point.agent == "Boto3"
    invariants.check_open_trust_reported(ended, now, blind=refused or kind.title == "credentials expire")
    return ", ".join(filter(None, [_ending(ended), *_left(scene, now)]))


def _ending(ended: Ended) -> str:
    return f"exit {ended.code}" if ended.code >= 0 else f"killed by signal {-ended.code}"


def _left(scene: Scene, now: Contents) -> Iterator[str]:
    role = now.get((contents.A, "role", "foo_bar"))
    if role is None:
        yield "no trusting role"
    elif invariants.edited_by_hand(now):
        yield "trust unmanaged"
    elif invariants.broad_now(now):
        yield "trust broad"
    else:
        principal = role["trust"]["Statement"][0]["Principal"]["AWS"]
        principal = principal if isinstance(principal, str) else principal[0]
        yield "trust exact" if principal == contents.BAR else "trust orphaned"
    if orphaned := invariants.orphaned(scene, now):
        yield f"missing from state: {', '.join(orphaned)}"
    if broken := invariants.unreadable(scene):
        yield f"unreadable state of {', '.join(broken)}"


@contextmanager
def _project(kind: Kind, folder: Path) -> Iterator[Path]:
    """Yield the folder for the project's files, on a small file system for the fault `disk full`."""
    project = folder / "project"
    project.mkdir()
    if kind.title == "read-only folder" and (why := can_protect(folder)):
        pytest.skip(why)
    if not kind.tmpfs:
        yield project
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_SIZE},mode=0755", "tmpfs", str(project)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        yield project
    finally:
        subprocess.run(["umount", "-l", str(project)], check=False)
