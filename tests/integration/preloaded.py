"""Runs tfdriver in forks of a process that has imported it: the imports are most of the CPU time of a short command.

`python -P preloaded.py FD` serves requests from the socket FD, one message each: JSON with `argv`, `environ` and
`folder`, and the descriptors for stdin, stdout, stderr and for the exit code.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

_LONGEST = 1_000_000  # bytes of a request


@cache
def _server() -> socket.socket:
    """Start the server of this process; it ends when the socket is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
    with theirs:
        subprocess.Popen([sys.executable, "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])
    return ours


def run(argv: list[str], environ: dict[str, str], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `tfdriver` with an environment in a folder, as `subprocess.run`. argv: starts with the program."""
    request = json.dumps({"argv": argv, "environ": environ, "folder": str(folder)}).encode()
    reader, writer = os.pipe()
    with ExitStack() as opened:
        code = opened.enter_context(os.fdopen(reader))
        empty = opened.enter_context(Path(os.devnull).open())
        out, err = (opened.enter_context(TemporaryFile("w+")) for _ in range(2))
        socket.send_fds(_server(), [request], [empty.fileno(), out.fileno(), err.fileno(), writer])
        os.close(writer)
        if not select.select([code], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired(argv, seconds)
        returncode = int(code.read())
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(argv, returncode, out.read(), err.read())


def serve(requests: socket.socket) -> None:
    """Return in the process of each command, prepared to run it. End this process once the socket is closed."""
    while (received := socket.recv_fds(requests, _LONGEST, 4))[0]:
        *streams, code = received[1]
        if os.fork() == 0:  # waits for the command
            command = os.fork()
            if command == 0:
                os.close(code)
                return become(json.loads(received[0]), streams)
            os.write(code, str(os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])).encode())
            os._exit(0)
        for descriptor in received[1]:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    sys.exit()


def become(request: dict[str, Any], streams: list[int]) -> None:
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv = request["argv"]


if __name__ == "__main__":
    gc.disable()  # as `tfdriver.__main__` does
    from tfdriver.__main__ import main

    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        serve(listening)
    main()
