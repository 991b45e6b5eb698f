"""Orphaned resources: AWS created them, but Terraform was killed before it saved its state. Pure; no I/O.

This module reads plans and errors and writes import blocks. `deploy.adopt` checks which resources exist in AWS, and
`aws.existing_resources` finds each resource type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.project import generated_header
from tfdriver.terraform import hcl_writer
from tfdriver.terraform.events import Diagnostic

FILE = "imports.tf"

# Errors of AWS services for creating a resource that exists.
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
    """A resource that Terraform plans to create. values: those known before the apply."""

    address: str
    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class OrphanedResource:
    """A resource of this project that is in no state. name: AWS's; import_id: for `terraform import`."""

    address: str
    type: str
    name: str
    import_id: str


def planned_creates(shown: Mapping[str, Any]) -> list[PlannedCreate]:
    """Return the resources that a plan creates. shown: the output of `terraform show -json`.

    Source of the format: Terraform's documentation, "JSON Output Format" (internals/json-format), plan representation.
    """
    return [
        PlannedCreate(change["address"], change["type"], change["change"].get("after") or {})
        for change in shown.get("resource_changes", ())
        if change["mode"] == "managed" and change["change"]["actions"] == ["create"]
    ]


def existing_addresses(errors: Iterable[Diagnostic]) -> frozenset[str]:
    """Return the addresses of resources that already exist; empty if there is any other error."""
    addresses = set()
    for error in errors:
        text = f"{error.summary} {error.detail}"
        if not error.address or not any(words in text for words in _EXISTS):
            return frozenset()
        addresses.add(error.address)
    return frozenset(addresses)


def import_blocks(orphans: Iterable[OrphanedResource]) -> str:
    """Return the text of `imports.tf`, with which the next apply adopts resources. Raises as `importable`."""
    blocks = [
        f"\nimport {{\n  to = {importable(orphan.address)}\n  id = {hcl_writer.quoted(orphan.import_id)}\n}}\n"
        for orphan in sorted(orphans, key=lambda orphan: orphan.address)
    ]
    return generated_header.comment("".join(blocks))


def importable(address: str) -> str:
    """Return an address that is safe in HCL. Raises TfdriverError for any other."""
    if not _ADDRESS.fullmatch(address):
        hint = "Run `terraform import` in the composition's folder"
        raise TfdriverError(
            "this address is not valid in an import block", code="unmanaged_resource", where=address, hint=hint
        )
    return address
