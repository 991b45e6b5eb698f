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
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    endpoint: URL; environment: variables for AWS clients; unset: variables to remove before `environment` is applied.
    """

    endpoint: str
    environment: Mapping[str, str]
    unset: tuple[str, ...]
    app: App = field(repr=False)
    profiles: Profiles = field(repr=False)

    def fire(self, rule: str) -> list[Target]:
        """Fire the schedules of all enabled rules with this name and wait for their targets."""
        return self.app.fire(rule)


class Profiles:
    """The AWS config and credentials files, with a profile for each account. folder: private."""

    def __init__(self, backend: MotoBackend, folder: Path) -> None:
        self._backend = backend
        self._accounts: dict[str, Account] = {}  # by profile
        self._keys: dict[str, tuple[str, str]] = {}  # by account id
        self.config, self.credentials = folder / "config", folder / "credentials"

    def add(self, accounts: Sequence[Account]) -> list[Account]:
        """Add a profile for each account, and an administrator to each new account; return the new accounts.

        A profile that is no longer in `accounts` stays: `tfdriver destroy` may need it.
        """
        added = list({account.id: account for account in accounts if account.id not in self._keys}.values())
        self._keys |= {account.id: self._backend.add(account) for account in added}
        first = {account.profile: account for account in reversed(accounts)}  # decides the region of a profile
        self._accounts |= {account.profile: first[account.profile] for account in accounts}
        config, credentials = "", ""
        for profile, account in self._accounts.items():
            key, secret = self._keys[account.id]
            config += f"[{'default' if profile == 'default' else f'profile {profile}'}]\nregion = {account.region}\n"
            credentials += f"[{profile}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        write_whole(self.config, config.encode(), mode=0o600)
        write_whole(self.credentials, credentials.encode(), mode=0o600)
        return added


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
        backend = stack.enter_context(MotoBackend())
        profiles = Profiles(backend, folder)
        profiles.add(accounts)
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
        stack.enter_context(serve(listener, app.handle))
        stack.callback(functions.stop)
        stack.callback(parts.stopping.set)
        yield Sandbox(endpoint, _environment(endpoint, profiles), unset, app, profiles)


def _environment(endpoint: str, profiles: Profiles) -> dict[str, str]:
    """Return the variables for AWS clients."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        # Terraform's provider assumes the role of a profile before it reads AWS_ENDPOINT_URL.
        "AWS_ENDPOINT_URL_STS": endpoint,
        "AWS_CONFIG_FILE": str(profiles.config),
        "AWS_SHARED_CREDENTIALS_FILE": str(profiles.credentials),
        "AWS_EC2_METADATA_DISABLED": "true",
        "TFDRIVER_SANDBOX": "1",
    }
