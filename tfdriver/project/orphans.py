"""Resources that exist in AWS and in no state: what a crash leaves between "AWS created it" and "it was written down".

From what Terraform plans to create and from what it failed with, to what is to be imported. Pure; no I/O. Asking AWS
which of them exist is `adopt`'s; how each resource type is found is in `resource_types`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.project import stamp
from tfdriver.terraform import hcl
from tfdriver.terraform.events import Diagnostic

FILE = "imports.tf"

# What AWS services answer to creating what exists already.
_EXISTS = (
    "AlreadyExists",  # EntityAlreadyExists, ResourceAlreadyExistsException, AlreadyExistsException, QueueAlreadyExists
    "ResourceInUseException",
    "ResourceConflictException",
    "ResourceExistsException",
    "QueueNameExists",
    "already exists",
    "already exist:",
)
_PART = r'[A-Za-z_][A-Za-z0-9_-]*(?:\[(?:\d+|"(?:[^"\\$%\x00-\x1f]|\\["\\])*")\])?'
_ADDRESS = re.compile(rf"{_PART}(?:\.{_PART})+")


@dataclass(frozen=True)
class PlannedCreate:
    """A resource that Terraform plans to create. address: Terraform's; values: those known before applying."""

    address: str
    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class OrphanedResource:
    """A resource that exists, is ours, and is in no state. name: what AWS calls it; import_id: what Terraform takes."""

    address: str
    type: str
    name: str
    import_id: str


def planned_creates(shown: Mapping[str, Any]) -> list[PlannedCreate]:
    """Return what a plan creates. shown: the plan, as `terraform show -json` shows it.

    Source of the shape: Terraform's documentation, "JSON Output Format" (internals/json-format), plan representation.
    """
    return [
        PlannedCreate(change["address"], change["type"], change["change"].get("after") or {})
        for change in shown.get("resource_changes", ())
        if change["mode"] == "managed" and change["change"]["actions"] == ["create"]
    ]


def existing_addresses(errors: Iterable[Diagnostic]) -> frozenset[str]:
    """Return the addresses that could not be created because they exist; empty if anything else failed as well."""
    errors = list(errors)
    if not all(error.address and _says_exists(error) for error in errors):
        return frozenset()
    return frozenset(error.address for error in errors)


def import_blocks(strays: Iterable[OrphanedResource]) -> str:
    """Return the text of `imports.tf`, by which the next apply takes these over. Raises as `importable`."""
    blocks = [
        f"\nimport {{\n  to = {importable(stray.address)}\n  id = {hcl.quoted(stray.import_id)}\n}}\n"
        for stray in sorted(strays, key=lambda s: s.address)
    ]
    return stamp.comment("".join(blocks))


def importable(address: str) -> str:
    """Return an address as it may stand in Terraform's language. Raises TfdriverError for one that could be more."""
    if not _ADDRESS.fullmatch(address):
        hint = "Take it over by hand: run `terraform import` in the composition"
        raise TfdriverError("this address cannot be written into an import block", where=address, hint=hint)
    return address


def _says_exists(error: Diagnostic) -> bool:
    text = f"{error.summary} {error.detail}"
    return any(words in text for words in _EXISTS)
