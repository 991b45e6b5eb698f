"""Terraform's state of a composition where it is a file beside it, and which backend keeps it otherwise. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.outside import read_json

FILE = "terraform.tfstate"
_VERSION = 4  # since Terraform 0.12


class BrokenStateError(Exception):
    """A state file is empty, cut off, or no state at all, be it that only Terraform cannot read it."""


@dataclass(frozen=True)
class State:
    """A state. lineage: the same for all states that come from each other; serial: grows with each change.

    body: all of it, as Terraform stores it.
    """

    lineage: str
    serial: int
    resources: tuple[dict[str, Any], ...]
    body: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def managed(self) -> int:
        """How many resources it manages; what it only reads does not count."""
        return sum(len(r.get("instances", ())) for r in self.resources if r.get("mode") == "managed")

    def role_arns(self) -> frozenset[str]:
        """The ARNs of the IAM roles it lists."""
        roles = (r for r in self.resources if r.get("type") == "aws_iam_role" and r.get("mode") == "managed")
        arns = (i.get("attributes", {}).get("arn") for r in roles for i in r.get("instances", ()))
        return frozenset(arn for arn in arns if arn)


def parse(data: bytes | str, where: str) -> State:
    """Return the state in a file's content. Raises BrokenStateError, or TfdriverError for a version that is not known.

    where: what to call the file.
    """
    try:
        body = read_json(data)
        version = body["version"]
        if type(version) is not int:  # Terraform refuses 4.0
            raise ValueError("no version")
        resources = tuple(dict(resource) for resource in body.get("resources") or ())
        state = State(str(body.get("lineage", "")), int(body.get("serial", 0)), resources, body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenStateError from error
    if version != _VERSION:
        raise TfdriverError(
            f"state version {version} is not known: another Terraform wrote it",
            where=where,
            hint="Run with the Terraform that wrote it, or put a state of this one in its place",
        )
    return state


def read_file(path: Path) -> State | None:
    """Return the state in a file, None if there is none. Raises as `parse`, and TfdriverError if it can't be read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TfdriverError(f"cannot read it: {error.strerror}", where=str(path)) from error
    return parse(data, str(path))


def read(folder: Path) -> State | None:
    """Return the local state of a composition's folder, which need not exist. Returns and raises as `read_file`."""
    return read_file(folder / FILE)


def noted_backend(folder: Path) -> str:
    """Return the type of the backend that `terraform init` noted in a composition's folder, '' for none."""
    return _noted(folder)[0]


def kept_elsewhere(folder: Path) -> str:
    """Return which backend keeps a composition's state in another place than `read` looks in, '' if none does."""
    kind, path = _noted(folder)
    return "" if kind in ("", "local") and path in ("", FILE) else kind


def _noted(folder: Path) -> tuple[str, str]:
    """Return the type of the noted backend and, for a local one, the path it has instead of the usual; '' for none."""
    try:
        backend = read_json((folder / ".terraform" / FILE).read_bytes())["backend"]
        config = backend.get("config") or {}
        return str(backend["type"]), str(config.get("path") or "") if backend["type"] == "local" else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", ""
