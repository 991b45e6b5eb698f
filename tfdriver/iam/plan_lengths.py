"""Finds the IAM policies in a Terraform plan that are longer than IAM allows. Pure; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.iam.plan_lint import document_of, expressions_of
from tfdriver.iam.policy_document import MAX_INLINE, MAX_MANAGED, policy_length
from tfdriver.iam.trust import MAX_CHARACTERS

_LIMITS = {"aws_iam_role": MAX_CHARACTERS, "aws_iam_policy": MAX_MANAGED}
_ATTRIBUTES = {"aws_iam_role": "assume_role_policy", "aws_iam_policy": "policy", "aws_iam_role_policy": "policy"}


@dataclass(frozen=True)
class LongPolicy:
    """A policy that is too long. address: of its resource; kind: e.g. `trust policy`; characters: at least so many."""

    address: str
    kind: str
    characters: int
    limit: int


def long_policies(plan: Mapping[str, Any]) -> Iterator[LongPolicy]:
    """Yield the policies that are longer than IAM allows after a plan is applied.

    plan: as JSON, or {}. Of a policy that is known only after the apply, what its policy document has already counts.
    """
    inline: dict[tuple[str, str], tuple[str, int]] = {}
    for resource in plan.get("resource_changes", ()):
        kind, after = resource["type"], resource["change"].get("after")
        if after is None or kind not in _ATTRIBUTES:
            continue
        address, characters = resource["address"], _characters(resource, plan)
        if kind in _LIMITS and characters > _LIMITS[kind]:
            name = "trust policy" if kind == "aws_iam_role" else "policy"
            yield LongPolicy(address, name, characters, _LIMITS[kind])
        parts = [policy_length(block.get("policy") or "") for block in after.get("inline_policy") or ()]
        name = after.get("name" if kind == "aws_iam_role" else "role") or address
        if own := sum(parts) + (characters if kind == "aws_iam_role_policy" else 0):
            role = (resource.get("module_address", ""), name)
            inline[role] = (address, inline.get(role, ("", 0))[1] + own)
    for address, characters in inline.values():
        if characters > MAX_INLINE:
            yield LongPolicy(
                address, "inline policy, together with the role's other inline policies,", characters, MAX_INLINE
            )


def _characters(resource: Mapping[str, Any], plan: Mapping[str, Any]) -> int:
    """Return the length of the policy of a resource, or the least that it will have."""
    attribute, after = _ATTRIBUTES[resource["type"]], resource["change"]["after"]
    if text := after.get(attribute):
        return policy_length(text)
    references = (expressions_of(resource, plan).get(attribute) or {}).get("references", ())
    names = {".".join(reference.split(".")[:3]) for reference in references}
    module = resource.get("module_address", "")
    addresses = {f"{module}.{name}" if module else name for name in names}
    found = [r["change"].get("after") or {} for r in plan["resource_changes"] if r["address"] in addresses]
    return min((policy_length(json.dumps(document_of(after))) for after in found), default=0)  # one of several
