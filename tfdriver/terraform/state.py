"""Terraform's state of a composition. Reads only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.files import read_json

FILE = "terraform.tfstate"
_VERSION = 4  # since Terraform 0.12


class BrokenStateError(Exception):
    """A state file is empty, truncated or otherwise not valid for Terraform."""


@dataclass(frozen=True)
class ListedRole:
    """An IAM role in a state.

    module: its module's address, '' for the root; role_id: unique id, '' if unknown; trust_policy: JSON, '' if unknown.
    """

    address: str
    module: str
    arn: str
    name: str
    path: str
    role_id: str
    trust_policy: str = ""


@dataclass(frozen=True)
class State:
    """A version of a Terraform state. lineage: the same in all versions; serial: grows with each; body: all of it."""

    lineage: str
    serial: int
    resources: tuple[dict[str, Any], ...]
    body: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def managed(self) -> int:
        """The number of managed resources, without data sources."""
        return sum(len(r.get("instances", ())) for r in self.resources if r.get("mode") == "managed")

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The values of the outputs, by name."""
        return {name: output.get("value") for name, output in (self.body.get("outputs") or {}).items()}

    @property
    def complete(self) -> bool:
        """Whether the last apply was complete, on any machine. A failed one may write the output `applied`."""
        return bool(self.outputs.keys() - {"applied"})

    def instances(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield address, type and attributes of each managed resource instance."""
        for resource in self.resources:
            if resource.get("mode") == "managed":
                for instance in resource.get("instances", ()):
                    yield _address(resource, instance), str(resource.get("type")), instance.get("attributes") or {}

    def roles(self) -> tuple[ListedRole, ...]:
        """Return the managed IAM roles that have an ARN."""
        return tuple(
            ListedRole(
                address=_address(resource, instance),
                module=str(resource.get("module", "")),
                arn=attributes["arn"],
                name=str(attributes.get("name", "")),
                path=str(attributes.get("path", "/")),
                role_id=str(attributes.get("unique_id") or ""),
                trust_policy=str(attributes.get("assume_role_policy") or ""),
            )
            for resource in self.resources
            if resource.get("type") == "aws_iam_role" and resource.get("mode") == "managed"
            for instance in resource.get("instances", ())
            if (attributes := instance.get("attributes", {})).get("arn")
        )


def _address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    """Return the address of a resource instance."""
    parts = [resource.get("module", ""), str(resource.get("type")), str(resource.get("name", ""))]
    key = instance.get("index_key")
    return ".".join(filter(None, parts)) + ("" if key is None else f"[{json.dumps(key)}]")


def parse_state(data: bytes | str, where: str) -> State:
    """Return the state in a file's content. where: of an error.

    Raises BrokenStateError, or TfdriverError for an unknown version.
    """
    try:
        body = read_json(data)
        version = body["version"]
        if type(version) is not int:  # Terraform rejects 4.0
            raise ValueError("no version")
        resources = tuple(dict(resource) for resource in body.get("resources") or ())
        state = State(str(body.get("lineage", "")), int(body.get("serial", 0)), resources, body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenStateError from error
    if version != _VERSION:
        raise TfdriverError(
            f"state version {version} is unknown: another version of Terraform wrote it",
            code="broken_state",
            where=where,
            hint="Use the Terraform version that wrote it, or replace it by a state of this version",
        )
    return state


def read_state_file(path: Path) -> State | None:
    """Return the state in a file, None without a file. Raises as `parse_state`, or TfdriverError if unreadable."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TfdriverError(f"cannot read the state: {error.strerror}", code="broken_state", where=str(path)) from error
    return parse_state(data, str(path))


def read_state(folder: Path) -> State | None:
    """Return the state in a composition's folder, None without one. Raises as `read_state_file`."""
    return read_state_file(folder / FILE)
