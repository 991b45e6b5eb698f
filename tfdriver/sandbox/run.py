"""Starts the sandbox."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tfdriver.errors import TfdriverError
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

# Variables that would make a client call another endpoint or use other credentials.
UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_CA_BUNDLE",
    "AWS_SDK_LOAD_CONFIG",
)


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
    accounts: Sequence[Account], *, log: Path | None = None, faults: Path | None = None, port: int = 0
) -> Iterator[Sandbox]:
    """Run a sandbox inside the `with` block.

    accounts: each gets an IAM user `admin` and a profile with its credentials; log: file for the call log; faults: file
    with the faults; port: 0 for a free port. Raises TfdriverError if moto is missing or a file or the port is unusable.
    """
    from tfdriver.sandbox.backend import MotoBackend

    fault_rules = load_faults(faults)
    with ExitStack() as stack:
        call_log = stack.enter_context(open_call_log(log))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfdriver-sandbox-")))
        backend = stack.enter_context(MotoBackend(accounts))
        listener = stack.enter_context(_listening(port))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sessions, trusts = RoleSessions(), TrustPolicies(backend)
        functions = Functions(backend=backend, trusts=trusts, sessions=sessions, endpoint=endpoint)
        parts = Parts(
            backend=backend, trusts=trusts, sessions=sessions, functions=functions, faults=fault_rules, log=call_log
        )
        app = App(parts)
        keys = {account.name: backend.create_admin(account) for account in accounts}
        stack.enter_context(serve(listener, app.handle))
        stack.callback(functions.stop)
        stack.callback(parts.stopping.set)
        yield Sandbox(endpoint, _environment(endpoint, accounts, keys, folder), UNSET, app)


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError as error:
        raise TfdriverError(f"cannot listen on port {port}: {error.strerror}", where="sandbox") from error
    with listener:
        yield listener


def _environment(
    endpoint: str, accounts: Sequence[Account], keys: Mapping[str, tuple[str, str]], folder: Path
) -> dict[str, str]:
    """Write the AWS config and credentials files, with a profile per account. Return the variables for AWS clients."""
    config, credentials = "", ""
    for account in accounts:
        key, secret = keys[account.name]
        section = "default" if account.profile == "default" else f"profile {account.profile}"
        config += f"[{section}]\nregion = {account.region}\n"
        credentials += f"[{account.profile}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    for name, text in (("config", config), ("credentials", credentials)):
        (folder / name).touch(mode=0o600, exist_ok=False)
        (folder / name).write_text(text, encoding="utf-8")
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "TFDRIVER_SANDBOX": "1",
    }
