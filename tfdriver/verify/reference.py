"""Which policies a role is to have, as Terraform's state has them from the last apply. Pure; no I/O.

Believed of a state are the resources that make policies. What Terraform wrote into the role's own attributes
`inline_policy` and `managed_policy_arns` it may have read from AWS, hand-made policies included.
Source: the AWS provider's documentation of aws_iam_role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfdriver.policy_document import Document, parse

State = Mapping[str, Any]


@dataclass(frozen=True)
class Policies:
    """A role's policies. trust: its trust policy; boundary: ARN of its permissions boundary, or ''.

    managed: document by ARN of each attached policy, None where it is not known; inline: document by name.
    unsure: ARNs and names that are the role's as far as anybody can tell from the role alone.
    """

    trust: Document
    boundary: str = ""
    managed: Mapping[str, Document | None] = field(default_factory=dict)
    inline: Mapping[str, Document] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()


def outputs(state: State, name: str) -> Any:
    """Return the value of an output in a state, None if it is not there."""
    return state.get("outputs", {}).get(name, {}).get("value")


def wanted_policies(state: State, role_name: str) -> Policies | None:
    """Return the policies that a role is to have, None if the state has no such role.

    state: version 4, as Terraform stores it. Raises ValueError for a policy in it that is no JSON object.
    """
    role = next((r for r in _attributes(state, "aws_iam_role") if r.get("name") == role_name), None)
    if role is None:
        return None
    documents = {p["arn"]: parse(p["policy"]) for p in _attributes(state, "aws_iam_policy")}
    attached = [a for a in _attributes(state, "aws_iam_role_policy_attachment") if a.get("role") == role_name]
    inline = [p for p in _attributes(state, "aws_iam_role_policy") if p.get("role") == role_name]
    return Policies(
        parse(role["assume_role_policy"]),
        role.get("permissions_boundary") or "",
        {a["policy_arn"]: documents.get(a["policy_arn"]) for a in attached},
        {p["name"]: parse(p["policy"]) for p in inline},
        frozenset([*(role.get("managed_policy_arns") or []), *(p["name"] for p in role.get("inline_policy") or [])]),
    )


def _attributes(state: State, kind: str) -> Iterator[Mapping[str, Any]]:
    for resource in state.get("resources", []):
        if resource.get("mode") == "managed" and resource.get("type") == kind:
            for instance in resource["instances"]:
                yield instance["attributes"]
