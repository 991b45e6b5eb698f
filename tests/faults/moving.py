"""Runs `tfdriver up` and exits at once before the n-th step of moving states, as after SIGKILL.

`python -m tests.faults.moving NUMBER -C PROJECT ...`: the arguments of tfdriver follow the number. Steps are a change
of a file whose name has `tfstate` in it, and a start of Terraform in the folder of a move.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from tests.faults.dying import DIED
from tfdriver.__main__ import main

_CHANGES = ("os.rename", "os.remove")


def kill_before(number: int, below: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that ends this process before that step, counted from 1."""
    steps = count(1)

    def is_step(event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "subprocess.Popen":
            return "/move-" in str(arguments[2])
        if event == "open":
            flags = arguments[2]
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
            return writes and _is_state(arguments[0], below)
        return event in _CHANGES and _is_state(arguments[0], below)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if is_step(event, arguments) and next(steps) == number:
            os._exit(DIED)

    return hook


def _is_state(path: object, below: Path) -> bool:
    return str(path).startswith(str(below)) and "tfstate" in Path(str(path)).name


if __name__ == "__main__":
    sys.addaudithook(kill_before(int(sys.argv[1]), Path(sys.argv[3])))
    sys.argv = ["tfdriver", *sys.argv[2:]]
    main()
