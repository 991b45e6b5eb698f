"""The process between tfdriver and Terraform in one composition, `python -m tfdriver.terraform.provider_host`.

It is the parent of the AWS provider and of the Terraform commands that use it, so that the provider starts once per
run. It reads requests from stdin, one JSON object per line, and ends when stdin is closed, after the command in flight:
a tfdriver that is killed takes nothing with it. Requests, and the answers on stdout:

`{"run": {...}}`, with the fields of `Request`: run Terraform. Answered by `{"started": PID}`, and when Terraform has
ended by `{"code": CODE}`; or by `{"failed": TEXT}`. One at a time.
`{"signal": NUMBER}`: send Terraform a signal. No answer.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tfdriver.terraform.provider_schema import SchemaCache, cache_folder

_LONGEST_SOCKET = 99  # bytes; macOS allows 103
_START_SECONDS = 60
# The handshake of a plugin (hashicorp/go-plugin, docs/internals.md; hashicorp/terraform, internal/plugin/serve.go).
_HANDSHAKE = {
    "TF_PLUGIN_MAGIC_COOKIE": "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
    "PLUGIN_PROTOCOL_VERSIONS": "5",
}
_READY = re.compile(r"1\|5\|unix\|(/[^|]+)\|grpc\|")


class ProxyFailedError(Exception):
    """The provider cannot be used through the proxy."""


@dataclass(frozen=True)
class Request:
    """A Terraform command. out, err: files for its output; keep_open: descriptors that it inherits.

    address: the provider's, e.g. `registry.terraform.io/hashicorp/aws`; provider: its program; schema: the name of its
    schema's cache entry; types: the types to show.
    """

    argv: list[str]
    folder: str
    out: str
    err: str
    keep_open: list[int]
    address: str
    provider: str
    schema: str
    types: list[str]


class _Provider:
    """A provider's process and its proxy, with their sockets in a private folder. folder: the composition's."""

    def __init__(self, request: Request) -> None:
        """Start both. Raises OSError or ProxyFailedError."""
        from tfdriver.terraform.provider_proxy import ProviderProxy  # grpc is loaded while `terraform init` runs

        self.folder = request.folder
        self._sockets = _socket_folder()
        self._process = subprocess.Popen(
            [request.provider],
            cwd=request.folder,
            env={**os.environ, **_HANDSHAKE, "PLUGIN_UNIX_SOCKET_DIR": self._sockets},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            umask=0o077,
        )
        try:
            self._socket = f"{self._sockets}/proxy"
            cache = SchemaCache(cache_folder(os.environ), request.schema)
            self._proxy = ProviderProxy(f"unix:{self._address()}", f"unix:{self._socket}", cache)
        except BaseException:
            self._end()
            raise

    def reattach(self, request: Request) -> str:
        """Show the types of a request; return the value of TF_REATTACH_PROVIDERS, which names the proxy."""
        self._proxy.types = request.types
        address = {"Network": "unix", "String": self._socket}
        config = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": address}
        return json.dumps({request.address: config})

    def serves(self, folder: str) -> bool:
        """Whether the provider can serve a command in a composition's folder, in which it opens relative paths."""
        return self.folder == folder and self._process.poll() is None

    def close(self) -> None:
        """End the provider and its proxy."""
        self._proxy.close()
        self._end()

    def _address(self) -> str:
        """Return the provider's socket, from the line that it prints when it is ready."""
        assert self._process.stdout  # noqa: S101
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(_START_SECONDS)
        line = self._process.stdout.readline().decode(errors="replace") if ready else ""
        found = _READY.match(line)
        if not found:
            raise ProxyFailedError(f"the provider did not start as expected: {line.strip() or 'no answer'}")
        return found[1]

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._sockets, ignore_errors=True)


class Host:
    """Runs Terraform commands with one provider, one command at a time."""

    def __init__(self) -> None:
        self._provider: _Provider | None = None
        self._terraform: subprocess.Popen[bytes] | None = None
        self._waiting = Thread()
        self._signalled = False

    def run(self, request: Request) -> None:
        """Start Terraform, and the provider unless it runs. Raises OSError or ProxyFailedError."""
        if self._provider and not self._provider.serves(request.folder):
            self._provider.close()
            self._provider = None
        provider = self._provider = self._provider or _Provider(request)
        with open(request.out, "ab") as out, open(request.err, "ab") as err:  # noqa: PTH123
            terraform = self._terraform = subprocess.Popen(
                request.argv,
                cwd=request.folder,
                env={**os.environ, "TF_REATTACH_PROVIDERS": provider.reattach(request)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                umask=0o077,
                start_new_session=True,
                pass_fds=request.keep_open,
            )
        self._signalled = False
        _answer(started=terraform.pid)
        self._waiting = Thread(target=self._wait, args=(terraform, provider))
        self._waiting.start()

    def signal(self, number: int) -> None:
        """Send a signal to the Terraform in flight, if any."""
        self._signalled = True
        if self._terraform:
            self._terraform.send_signal(number)

    def close(self) -> None:
        """Wait for the Terraform in flight, then end the provider."""
        if self._waiting.ident is not None:
            self._waiting.join()
        if self._provider:
            self._provider.close()

    def _wait(self, terraform: subprocess.Popen[bytes], provider: _Provider) -> None:
        code = terraform.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(terraform.pid, signal.SIGKILL)  # its other providers outlive it if it was killed
        if code < 0 or self._signalled:  # calls of the command may still be in flight
            provider.close()
            self._provider = None
        _answer(code=code)


def _socket_folder() -> str:
    """Return a new private folder whose path is short enough for sockets."""
    folder = tempfile.mkdtemp(prefix="tfdriver-")
    if len(os.fsencode(folder)) + len("/plugin0123456789") <= _LONGEST_SOCKET:
        return folder
    Path(folder).rmdir()
    return tempfile.mkdtemp(prefix="tfdriver-", dir="/tmp")


def _answer(**answer: Any) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps(answer), flush=True)  # noqa: T201


def main() -> None:
    """Serve requests until stdin is closed."""
    os.environ["GRPC_VERBOSITY"] = "NONE"
    host = Host()
    for line in sys.stdin:
        match json.loads(line):
            case {"run": request}:
                try:
                    host.run(Request(**request))
                except (OSError, ProxyFailedError) as error:
                    _answer(failed=str(error))
            case {"signal": number}:
                host.signal(number)
    host.close()


if __name__ == "__main__":
    main()
