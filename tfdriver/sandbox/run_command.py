"""Runs a command in a running sandbox and forwards signals to the command."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tfdriver.errors import TfdriverError
from tfdriver.interrupts import handled
from tfdriver.sandbox.start import Sandbox

_HINT = "Give a command after `--`, e.g. `tfdriver sandbox -- tfdriver up`, or none to start $SHELL"


def child_environment(sandbox: Sandbox, environment: Mapping[str, str]) -> dict[str, str]:
    """Return a command's environment, with the sandbox's AWS_* variables only and without a proxy for loopback."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    no_proxy = {name: ",".join(filter(None, [kept.get(name), "127.0.0.1"])) for name in ("NO_PROXY", "no_proxy")}
    return {**kept, **no_proxy, **sandbox.environment}


def default_command(environment: Mapping[str, str]) -> list[str]:
    """Return the command that runs if the user gives none: the user's shell."""
    return [environment.get("SHELL") or "/bin/sh"]


def run_command(
    sandbox: Sandbox, command: Sequence[str], *, environment: Mapping[str, str], folder: Path | None = None
) -> int:
    """Run a command in the sandbox and wait for it. Return its exit code, or 128 + n if signal n ended it.

    command: program and arguments, empty for `default_command`; environment: the base for `child_environment`; folder:
    the working directory, None for the current one.
    Forwards SIGTERM, SIGHUP and, without a terminal, SIGINT: a terminal sends SIGINT to the command itself. Ignored
    signals stay ignored. Raises TfdriverError if the command cannot be started.
    """
    command = list(command) or default_command(environment)
    try:
        process = subprocess.Popen(command, cwd=folder, env=child_environment(sandbox, environment))
    except OSError as error:
        raise TfdriverError(
            f"cannot run {command[0]}: {error.strerror}", code="command_not_found", hint=_HINT
        ) from error
    with _forwarding_signals(process):
        returncode = process.wait()
    return returncode if returncode >= 0 else 128 - returncode


@contextmanager
def _forwarding_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def forward(number: int, _: FrameType | None) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    with handled(forward):
        yield
