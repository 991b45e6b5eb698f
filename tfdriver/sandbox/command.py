"""Runs a command in a running sandbox, and passes signals on to it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from tfdriver.errors import TfdriverError
from tfdriver.interrupts import handled
from tfdriver.sandbox.run import Sandbox

HINT = "Give a command after `--`, e.g. `tfdriver sandbox -- tfdriver up`; without one it is your $SHELL"


def child_environment(sandbox: Sandbox, environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` as a command in the sandbox gets it: without any AWS_* of its own, and past no proxy."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    unproxied = {name: ",".join(filter(None, [kept.get(name, ""), "127.0.0.1"])) for name in ("NO_PROXY", "no_proxy")}
    return {**kept, **unproxied, **sandbox.environment}


def default_command(environment: Mapping[str, str]) -> list[str]:
    """Return the command for when none is given: the user's shell."""
    return [environment.get("SHELL") or "/bin/sh"]


def run_command(sandbox: Sandbox, command: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run a command in the sandbox and wait for it; return its exit code, 128 + n if signal n ended it.

    command: program and arguments, empty for `default_command`; environment: the whole environment to start from,
    usually `os.environ` and a TF_CLI_CONFIG_FILE. SIGTERM and SIGHUP are passed on, and SIGINT too, unless a terminal
    sends it to the command anyway; what is ignored here stays so. Raises TfdriverError if the command can't be started.
    """
    command = list(command) or default_command(environment)
    try:
        process = subprocess.Popen(command, env=child_environment(sandbox, environment))
    except FileNotFoundError as error:
        raise TfdriverError(f"there is no command {command[0]}", hint=HINT) from error
    except OSError as error:
        raise TfdriverError(f"cannot run {command[0]}: {error.strerror}", hint=HINT) from error
    with _passing_signals_to(process):
        returncode = process.wait()
    return returncode if returncode >= 0 else 128 - returncode


@contextmanager
def _passing_signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def pass_on(number: int, _: FrameType | None) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    with handled(pass_on):
        yield
