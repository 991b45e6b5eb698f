"""tfdriver as a program with a clock that jumps or runs faster.

Arguments: the file whose appearance makes the clock jump, the seconds that it jumps ahead, its speed, and then the
arguments of tfdriver.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from tfdriver.aws.client import Aws
from tfdriver.cli.progress_display import PlainProgress
from tfdriver.clock import Clock
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.session import Options, Tools, open_session
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import TfdriverError
from tfdriver.interrupts import Interrupts

_COMMANDS = {"up": up, "tighten": tighten, "destroy": destroy}


def main(jump: Path, ahead: float, speed: float, project: Path, command: str) -> int:
    """Run one command and return its exit code."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=ahead if jump.exists() else 0)

    clock = Clock(now=now, monotonic=lambda: time.monotonic() * speed)
    aws = Aws()
    tools = Tools(os.environ, PlainProgress(Console(stderr=True)), Interrupts(), aws, clock, aws.hide)
    try:
        with open_session(command, Options(project), tools) as session:
            return int(_COMMANDS[command](session, lambda _: None).exit_code)
    except TfdriverError as error:
        sys.stderr.write(f"error[{error.code}]: {error}\n")
        return int(error.exit_code)


if __name__ == "__main__":
    file, ahead, speed, _, project, command, *_ = sys.argv[1:]
    sys.exit(main(Path(file), float(ahead), float(speed), Path(project), command))
