"""Runs `tfdriver up` and exits at once before the n-th step of moving states, as after SIGKILL.

`python -m tests.faults.moving NUMBER -C PROJECT ...`: the arguments of tfdriver follow the number. Steps are a change
of a file whose name has `tfstate` in it, and a start of Terraform in the folder of a move.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.dying import kill_before, writes
from tfdriver.__main__ import main

_CHANGES = ("os.rename", "os.remove")


def _is_step(below: Path, event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "subprocess.Popen":
        return "/move-" in str(arguments[2])
    changes = writes(arguments) if event == "open" else event in _CHANGES
    return changes and _is_state(arguments[0], below)


def _is_state(path: object, below: Path) -> bool:
    return str(path).startswith(str(below)) and "tfstate" in Path(str(path)).name


if __name__ == "__main__":
    sys.addaudithook(kill_before(int(sys.argv[1]), partial(_is_step, Path(sys.argv[3]))))
    sys.argv = ["tfdriver", *sys.argv[2:]]
    main()
