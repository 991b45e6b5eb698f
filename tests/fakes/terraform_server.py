"""Runs each command of the fake Terraform in a fork of one process: Python takes longer to start than most of them.

A command is a line on the FIFO `argv[1]`: the path of a FIFO for its output, its home folder, its folder and its
arguments, separated by tabs. Its exit code is written to the first path with `.code`. The server ends with its stdin.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import signal
import sys
import traceback
from datetime import datetime
from pathlib import Path

__all__ = ["datetime", "fcntl", "json"]  # what terraform.py imports is imported before the fork


def run(out: str, home: str, folder: str, arguments: list[str]) -> None:
    """Run a command in this process and end it."""
    code = 1
    signal.alarm(60)  # the reader of the output may have been killed
    try:
        os.environ["HOME"] = home
        os.chdir(folder)
        os.dup2(os.open(out, os.O_WRONLY), 1)
        Path(out).unlink()
        import terraform

        code = terraform.main(arguments)
        sys.stdout.flush()
    except Exception:
        traceback.print_exc()
    Path(f"{out}.code").write_text(f"{code}\n")
    os._exit(0)


def main(requests: str) -> None:
    """Serve."""
    gc.disable()
    sys.path.insert(0, str(Path(__file__).parent))
    fifo, text = os.open(requests, os.O_RDWR), ""
    while 0 not in select.select([0, fifo], [], [])[0]:
        *lines, text = (text + os.read(fifo, 65536).decode()).split("\n")
        for line in lines:
            if os.fork() == 0:
                out, home, folder, *arguments = line.split("\t")
                run(out, home, folder, arguments)
        reap()


def reap() -> None:
    """Forget the commands that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main(sys.argv[1])
