"""The provider hosts of a run: processes between tfdriver and Terraform, see `provider_host`.

A host serves one composition. If as many hosts as allowed are idle, the one used longest ago serves the next one.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

from tfdriver.errors import TfdriverError
from tfdriver.terraform.environment import logs
from tfdriver.terraform.installed_provider import installed_provider
from tfdriver.terraform.process import Job, Running, Start
from tfdriver.terraform.provider_host import ProxyFailedError, Request
from tfdriver.terraform.used_types import configured_types, named_types

_START_SECONDS = 90
_END_SECONDS = 10


def proxy_wanted(environ: Mapping[str, str]) -> bool:
    """Whether Terraform may run with the proxy. With TF_LOG, Terraform's log must have the provider's, too."""
    return environ.get("TFDRIVER_PROXY") != "0" and not logs(environ)


class ProviderHosts:
    """Starts Terraform commands that use the AWS provider through the proxy.

    environment: Terraform's whole environment; limit: how many hosts may be idle, each with a provider in memory; note:
    receives why a composition's commands run without the proxy.
    """

    def __init__(self, environment: Mapping[str, str], limit: int, note: Callable[[str], None]) -> None:
        self._environment = environment
        self._limit = limit
        self._note = note
        self._lock = Lock()
        self._hosts: list[_Host] = []
        self._idle: dict[Path, _Host] = {}  # the one used last is last
        self._state_types: dict[Path, frozenset[str]] = {}
        self._refused: set[Path] = set()

    def warm_up(self, folder: Path, keep_open: tuple[int, ...]) -> None:
        """Start a composition's host, which takes a moment, unless as many hosts as may be idle exist."""
        with self._lock:
            if folder not in self._idle and len(self._idle) < self._limit:
                with suppress(OSError):
                    self._idle[folder] = self._new(keep_open)

    def start(self, folder: Path, state: Callable[[], bytes]) -> Start | None:
        """Return how to start a command in an initialized composition, None if it cannot use the proxy.

        state: returns the content of the composition's state, called once per run.
        """
        if folder in self._refused or (provider := installed_provider(folder)) is None:
            return None
        try:
            if folder not in self._state_types:
                self._state_types[folder] = named_types(state())
            types = sorted(configured_types(folder) | self._state_types[folder])
        except (OSError, ValueError, LookupError, TypeError, TfdriverError):
            return None

        def start(job: Job) -> Running:
            host = self._take(folder, job.keep_open)
            request = Request(
                argv=list(job.argv),
                folder=str(job.folder),
                out=str(job.log.absolute()),
                err=str(job.stderr.absolute()),
                keep_open=list(job.keep_open),
                address=provider.address,
                provider=str(provider.binary),
                schema=provider.cache_name,
                types=types,
            )
            return _HostedProgram(host, host.run(request), lambda: self._give_back(folder, host))

        return start

    def refuse(self, folder: Path, reason: str) -> None:
        """Run this composition's commands without the proxy from now on, and report it."""
        self._refused.add(folder)
        self._note(f"{folder.name}: Terraform runs without the provider proxy: {reason}")

    def close(self) -> None:
        """End the hosts. A host whose command is still in flight ends after it."""
        for host in self._hosts:
            host.close()
        for host in self._hosts:
            if not host.busy:
                host.wait()

    def _new(self, keep_open: tuple[int, ...]) -> _Host:
        host = _Host(self._environment, keep_open)
        self._hosts.append(host)
        return host

    def _take(self, folder: Path, keep_open: tuple[int, ...]) -> _Host:
        with self._lock:
            host = self._idle.pop(folder, None)
            if host is None and len(self._idle) >= self._limit:
                host = self._idle.pop(next(iter(self._idle)))
            if host is None or host.dead:
                host = self._new(keep_open)
            host.busy = True
            return host

    def _give_back(self, folder: Path, host: _Host) -> None:
        with self._lock:
            host.busy = False
            self._idle[folder] = host
            if len(self._idle) > self._limit:
                self._idle.pop(next(iter(self._idle))).close()


class _Host:
    """A host's process, in a session of its own. busy: whether a command is in flight."""

    def __init__(self, environment: Mapping[str, str], keep_open: tuple[int, ...]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tfdriver.terraform.provider_host"],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            umask=0o077,
            start_new_session=True,
            pass_fds=keep_open,
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._received = b""
        self.busy = False

    def run(self, request: Request) -> int:
        """Start a command; return its process id. Raises ProxyFailedError."""
        self._send({"run": asdict(request)})
        match self.answer(_START_SECONDS):
            case {"started": pid}:
                return int(pid)
            case {"failed": text}:
                raise ProxyFailedError(text)
        self.kill()
        raise ProxyFailedError("its host process did not start")

    def signal(self, number: int) -> None:
        """Send the command in flight a signal."""
        self._send({"signal": number})

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """Return the next answer, None if there is none within some seconds, or ever."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                part = os.read(self._stdout.fileno(), 65536)
                if not part:
                    self._process.wait()
                    return None
                self._received += part
        line, self._received = self._received.split(b"\n", 1)
        return dict(json.loads(line))

    @property
    def dead(self) -> bool:
        """Whether the host has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill the host and its provider."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Let the host end after the command in flight."""
        with suppress(BrokenPipeError):
            self._stdin.close()

    def wait(self) -> None:
        """Wait until a closed host without a command in flight has ended. Kill its provider if it was killed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.kill()

    def _send(self, request: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # `answer` and `dead` report it
            self._stdin.write(json.dumps(request).encode() + b"\n")
            self._stdin.flush()


class _HostedProgram:
    """A command that a host runs. done: called when it has ended and the host is free. See `process.Running`."""

    def __init__(self, host: _Host, pid: int, done: Callable[[], None]) -> None:
        self._host = host
        self._pid = pid
        self._done = done
        self._code: int | None = None
        self._created = _creation(pid)

    def poll(self) -> int | None:
        """Return the exit code. If the host was killed, Terraform ends by itself, because its provider died."""
        if self._code is None:
            match self._host.answer(0):
                case {"code": code}:
                    self._code = int(code)
                    self._done()
                case _:
                    if self._host.dead and _creation(self._pid) != self._created:
                        self._code = -signal.SIGKILL
        return self._code

    def send_signal(self, number: int) -> None:
        """Send Terraform a signal."""
        if not self._host.dead:
            self._host.signal(number)
        elif _creation(self._pid) == self._created:
            os.kill(self._pid, number)

    def end(self) -> None:
        """Kill what a killed host left; a host does it itself."""
        if self._host.dead:
            self._host.kill()
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)


def _creation(pid: int) -> float | None:
    """Return the time at which a running process was created, None if it has ended."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None
