"""Runs a command in the fake world and exits at once before its n-th step on the disk, as after SIGKILL.

`python -m tests.faults.dying NUMBER PROJECT COMMAND`; the world's home is beside the project. Steps are events of
Python's audit hooks: a file is opened for writing, renamed or removed, a folder is created, a program is started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from tests.fakes.world import make_stage
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up

DIED = 137
_STEPS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree")


def kill_before(number: int, is_step: Callable[[str, tuple[Any, ...]], bool]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that ends this process before that step, counted from 1."""
    steps = count(1)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if is_step(event, arguments) and next(steps) == number:
            os._exit(DIED)

    return hook


def writes(arguments: tuple[Any, ...]) -> bool:
    """Whether an event `open` is for writing."""
    return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))


def _is_step(below: Path, event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return writes(arguments) and str(arguments[0]).startswith(str(below))
    return event == "subprocess.Popen" or (event in _STEPS and str(arguments[0]).startswith(str(below)))


def main(number: int, project: Path, command: str) -> None:
    """Run the command until the process ends before the step."""
    stage = make_stage(project, project.parent / "home")
    sys.addaudithook(kill_before(number, partial(_is_step, project)))
    stage.run({"up": up, "tighten": tighten, "destroy": destroy}[command])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
