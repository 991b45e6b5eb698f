"""Random kills: commands are killed at random moments, and the next run has the result of an undisturbed run.

TFDRIVER_KILLS: the number of kills (default 100); TFDRIVER_SEED: the seed of the first walk. A failure reports its seed
and step. The same seed makes the same choices, but the moments depend on the speed of the machine.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import contents, invariants, processes
from tests.faults.cell import converge, managed_at_end
from tests.faults.kinds import PROXY
from tests.faults.scene import Ended, Run, Scene, Start, opened

KILLS = int(os.environ.get("TFDRIVER_KILLS", "100"))
SEED = int(os.environ.get("TFDRIVER_SEED", "4711"))
PER_WALK = 10
_CHECKED_EVERY = 5
_LONGEST = 14.0  # seconds: about as long as an undisturbed `up` on a busy machine

_COMMANDS = ("up", "up", "up", "tighten", "destroy")
_VICTIMS = ("driver", "driver", "terraform", "provider", *(["host"] if PROXY else []), "group", "SIGINT", "SIGTERM")
_SIGNALS = {"driver": signal.SIGKILL, "SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}


@dataclass(frozen=True)
class Step:
    """One kill. after: seconds from the start of the command; the kill then waits for a victim of that kind."""

    command: str
    victim: str
    after: float


def steps(seed: int, count: int) -> list[Step]:
    """Return the kills of a walk."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    return [
        Step(chance.choice(_COMMANDS), chance.choice(_VICTIMS), round(chance.random() ** 1.5 * _LONGEST, 2))
        for _ in range(count)
    ]


@pytest.mark.faults
@pytest.mark.parametrize("walk", range(-(-KILLS // PER_WALK)))
def test_random_kills(walk: int, starts: Mapping[str, Start], tmp_path: Path, record_property) -> None:
    count, seed = min(PER_WALK, KILLS - walk * PER_WALK), SEED + walk
    record_property("walk", f"seed {seed}, {count} kills")
    with opened(starts["new"], tmp_path, []) as scene:
        done: list[Step] = []
        try:
            for step in steps(seed, count):
                done.append(step)
                _kill(scene, step)
                if len(done) % _CHECKED_EVERY == 0:
                    converge(scene, "up", managed_at_end("up", starts))
            converge(scene, "up", managed_at_end("up", starts))
            converge(scene, "destroy", {})
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, step {len(done)} of {done}: {error}") from error
        assert list((scene.world.project / "compositions").rglob("*.tfstate*")) == []


def _kill(scene: Scene, step: Step) -> None:
    """Run a command, kill its victim, wait for the end and check the invariants."""
    run = Run(scene, step.command, "--lock-timeout", "2m")
    with suppress(Exception):
        run.process.wait(step.after)
    if step.victim in _SIGNALS:
        run.signal(_SIGNALS[step.victim])
    else:
        kind = step.victim.replace("group", "terraform")
        if pid := _victim(scene, run, kind):
            processes.kill(pid, group=step.victim == "group")
    ended = run.wait()
    invariants.check_processes_and_files(scene)
    invariants.check_log(scene)
    now = contents.read(scene.world)
    invariants.check_bystanders(scene, now)
    _check_reported(ended, now)


def _victim(scene: Scene, run: Run, kind: str) -> int | None:
    """Wait for a process of a kind; return None if the run ends first."""
    while run.process.poll() is None:
        if pid := processes.find(scene.home, kind):
            return pid
        time.sleep(0.02)
    return None


def _check_reported(ended: Ended, now: contents.Contents) -> None:
    """I4, except for commands that were stopped before they called AWS."""
    if ended.text.rstrip().endswith("error[interrupted]: stopped by SIGINT"):
        return
    invariants.check_open_trust_reported(ended, now)
