"""`state:`, the backend of the compositions' states: its checks, and its arguments for a composition. Pure; no I/O.

Source of the backends' arguments: Terraform's documentation, "Backend configuration" and "Backend Type: s3".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from posixpath import join, normpath
from typing import Any

from tfdriver.spec import names
from tfdriver.spec.message_text import described, named
from tfdriver.spec.model import Account, StateSettings
from tfdriver.spec.names import Reason
from tfdriver.spec.placeholders import filled, placeholder_problem
from tfdriver.spec.problems import Problems
from tfdriver.spec.yaml_reader import Path

PLACEHOLDERS = ("account", "account_id", "composition", "project")
_REMOTE_RUNS = ("cloud", "remote")  # Terraform runs elsewhere, where tfdriver cannot follow it
_SECRETS = frozenset({"access_key", "secret_key", "token", "password", "client_secret", "sas_token", "conn_str"})


@dataclass(frozen=True)
class StateBackend:
    """The backend block of a composition. kind: e.g. `s3`; arguments: JSON values by name, in order."""

    kind: str
    arguments: Mapping[str, Any]


def state_backend(settings: StateSettings, project: str, composition: str, account: Account) -> StateBackend:
    """Return the backend of a composition. A state in S3 is encrypted and locked by S3 unless `settings` differ."""
    values = {"account": account.name, "account_id": account.id, "composition": composition, "project": project}
    defaults: dict[str, Any] = {}
    if settings.backend == "s3":
        defaults = {
            "key": "{project}/{composition}/terraform.tfstate",
            "region": account.region,
            "profile": account.profile,
            "encrypt": True,
        }
        if "dynamodb_table" not in settings.arguments:
            defaults["use_lockfile"] = True
    return StateBackend(settings.backend, filled({**defaults, **settings.arguments}, values))


def read_state_settings(shape: Mapping[str, Any], problems: Problems) -> StateSettings | None:
    """Return the checked `state:`, None without one. Add its mistakes to `problems`."""
    if not shape:
        return None
    kind, arguments = shape.get("backend"), {name: value for name, value in shape.items() if name != "backend"}
    for path, reason in (*_kind_problems(kind), *_argument_problems(arguments)):
        problems.add(("state", *path), *reason)
    return StateSettings(str(kind), arguments)


def refuse_shared_states(backends: Iterable[tuple[str, StateBackend]], problems: Problems) -> None:
    """Add to `problems` that two compositions would share a state. backends: with the names of the compositions."""
    owners: dict[str, str] = {}
    for composition, backend in backends:
        owner = owners.setdefault(_identity(composition, backend), composition)
        if owner != composition:
            what = f"compositions {owner} and {composition} would share one state"
            problems.add(("state",), what, "Add {composition} to the state's key or path")


def _identity(composition: str, backend: StateBackend) -> str:
    found = backend.arguments
    if backend.kind == "local":
        return normpath(join("/project/compositions", composition, found.get("path", "terraform.tfstate")))
    if backend.kind == "s3":
        return f"{found.get('bucket')} {found.get('key')}"
    return repr(sorted(found.items()))


def _kind_problems(kind: Any) -> Iterator[tuple[Path, Reason]]:
    if kind is None:
        yield (), Reason("backend is missing", "Add `backend: s3`, or another backend that Terraform knows")
    elif not isinstance(kind, str):
        yield ("backend",), Reason(f"must be text, is {described(kind)}", "Write e.g. `backend: s3`")
    elif kind in _REMOTE_RUNS:
        what = f"backend {kind} runs Terraform in HCP Terraform, which tfdriver does not support yet"
        yield ("backend",), Reason(what, "Use a backend that only keeps the state, e.g. s3")
    elif reason := names.identifier(kind):
        yield ("backend",), reason


def _argument_problems(arguments: Mapping[str, Any]) -> Iterator[tuple[Path, Reason]]:
    for name, value in arguments.items():
        if reason := names.identifier(name):
            yield (name,), reason
        elif name in _SECRETS:
            what = f"{named(name)} is a credential, and would be written into the compositions"
            yield (name,), Reason(what, "Use `profile:`, or the backend's environment variables")
        else:
            yield from _value_problems((name,), value)


def _value_problems(path: Path, value: Any) -> Iterator[tuple[Path, Reason]]:
    match value:
        case str():
            if reason := placeholder_problem(value, PLACEHOLDERS):
                yield path, reason
        case bool() | int():
            pass
        case list():
            for index, item in enumerate(value):
                yield from _value_problems((*path, index), item)
        case dict():
            for name, item in value.items():
                yield from _value_problems((*path, name), item)
        case _:
            yield (
                path,
                Reason(
                    f"must be text, a whole number, a bool, a list or a mapping, is {described(value)}",
                    "Write one of these",
                ),
            )
