"""Starts the sandbox. `command` runs a program in it."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.sandbox.app import App
from tfdriver.sandbox.call_log import opened
from tfdriver.sandbox.dispatch import Parts
from tfdriver.sandbox.faults import load
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.resources import Target
from tfdriver.sandbox.server import listen, serving
from tfdriver.sandbox.sessions import RoleSessions
from tfdriver.sandbox.trusts import Trusts
from tfdriver.spec.model import Account

# Variables that would lead a client elsewhere. `command.child_environment` drops every other AWS_* too.
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

    endpoint: URL; environment: variables that lead every AWS client there; unset: variables to remove first.
    """

    endpoint: str
    environment: Mapping[str, str]
    unset: tuple[str, ...]
    layer: App = field(repr=False)

    def fire(self, rule: str) -> list[Target]:
        """Fire the schedule of all enabled rules of that name and wait for what they run."""
        return self.layer.fire(rule)


@contextmanager
def start(
    accounts: Sequence[Account], *, log: Path | None = None, faults: Path | None = None, port: int = 0
) -> Iterator[Sandbox]:
    """Run a sandbox while the context is open.

    accounts: each gets an IAM user `admin` behind its profile; log: file to append the call log to (`calllog`);
    faults: file with faults (`faults`); port: 0 for a free one.
    Raises TfdriverError if moto is not installed, or a file or the port can't be used.
    """
    from tfdriver.sandbox.backend import MotoBackend

    rules = load(faults)
    with ExitStack() as stack:
        call_log = stack.enter_context(opened(log))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfdriver-sandbox-")))
        backend = stack.enter_context(MotoBackend(accounts))
        listener = stack.enter_context(_listening(port))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sessions, trusts = RoleSessions(), Trusts(backend)
        functions = Functions(backend, trusts, sessions, endpoint)
        parts = Parts(backend, trusts, sessions, functions, rules, call_log)
        layer = App(parts, call_log)
        keys = {account.name: backend.create_admin(account) for account in accounts}
        stack.enter_context(serving(listener, layer.handle))
        stack.callback(functions.stop)
        stack.callback(parts.stopping.set)
        yield Sandbox(endpoint, _environment(endpoint, accounts, keys, folder), UNSET, layer)


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        listener = listen(port)
    except OSError as error:
        raise TfdriverError(f"cannot listen on port {port}: {error.strerror}", where="sandbox") from error
    with listener:
        yield listener


def _environment(
    endpoint: str, accounts: Sequence[Account], keys: Mapping[str, tuple[str, str]], folder: Path
) -> dict[str, str]:
    """Write the two files of AWS's clients, one profile per account, and return the variables that name them."""
    config, credentials = "", ""
    for account in accounts:
        key, secret = keys[account.name]
        section = "default" if account.profile == "default" else f"profile {account.profile}"
        config += f"[{section}]\nregion = {account.region}\n"
        credentials += f"[{account.profile}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    _write_private(folder / "config", config)
    _write_private(folder / "credentials", credentials)
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "TFDRIVER_SANDBOX": "1",
    }


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")
