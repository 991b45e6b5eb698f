"""Starts the sandbox."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import write_whole
from tfdriver.sandbox.app import App
from tfdriver.sandbox.call_log import open_call_log
from tfdriver.sandbox.dispatch import Parts
from tfdriver.sandbox.faults import load_faults
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.resources import Target
from tfdriver.sandbox.server import serve
from tfdriver.sandbox.sessions import RoleSessions
from tfdriver.sandbox.trusts import TrustPolicies
from tfdriver.spec.model import Account


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    endpoint: URL; environment: variables for AWS clients; unset: variables to remove before `environment` is applied.
    """

    endpoint: str
    environment: Mapping[str, str]
    unset: tuple[str, ...]
    app: App = field(repr=False)

    def fire(self, rule: str) -> list[Target]:
        """Fire the schedules of all enabled rules with this name and wait for their targets."""
        return self.app.fire(rule)


@contextmanager
def start(
    accounts: Sequence[Account],
    *,
    log: Path | None = None,
    faults: Path | None = None,
    port: int = 0,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[Sandbox]:
    """Run a sandbox inside the `with` block.

    accounts: each gets an IAM user `admin` and a profile with its credentials; log: file for the call log; faults: file
    with the faults; port: 0 for a free port; note: gets a line, once, about what the sandbox cannot judge. Raises
    TfdriverError if moto is missing or a file or the port is unusable.
    """
    from tfdriver.sandbox.backend import MotoBackend

    rules, unset = load_faults(faults), tuple(name for name in os.environ if name.startswith("AWS_"))
    with ExitStack() as stack:
        call_log = stack.enter_context(open_call_log(log))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfdriver-sandbox-")))
        backend = stack.enter_context(MotoBackend(accounts))
        try:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=128))
        except OSError as error:
            raise TfdriverError(
                f"cannot listen on port {port}: {error.strerror}", code="sandbox_failed", where="sandbox"
            ) from error
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sessions, trusts = RoleSessions(), TrustPolicies(backend)
        functions = Functions(backend=backend, trusts=trusts, sessions=sessions, endpoint=endpoint)
        parts = Parts(
            backend=backend,
            trusts=trusts,
            sessions=sessions,
            functions=functions,
            faults=rules,
            log=call_log,
            note=cache(note),
        )
        app = App(parts)
        keys = {account.id: backend.create_admin(account) for account in backend.accounts.values()}
        stack.enter_context(serve(listener, app.handle))
        stack.callback(functions.stop)
        stack.callback(parts.stopping.set)
        yield Sandbox(endpoint, _environment(endpoint, accounts, keys, folder), unset, app)


def _environment(
    endpoint: str, accounts: Sequence[Account], keys: Mapping[str, tuple[str, str]], folder: Path
) -> dict[str, str]:
    """Write the AWS config and credentials files with the profiles. Return the variables for AWS clients."""
    config, credentials = "", ""
    for account in {account.profile: account for account in reversed(accounts)}.values():
        key, secret = keys[account.id]
        section = "default" if account.profile == "default" else f"profile {account.profile}"
        config += f"[{section}]\nregion = {account.region}\n"
        credentials += f"[{account.profile}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    write_whole(folder / "config", config.encode(), mode=0o600)
    write_whole(folder / "credentials", credentials.encode(), mode=0o600)
    return {
        "AWS_ENDPOINT_URL": endpoint,
        # Terraform's provider assumes the role of a profile before it reads AWS_ENDPOINT_URL.
        "AWS_ENDPOINT_URL_STS": endpoint,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "TFDRIVER_SANDBOX": "1",
    }
