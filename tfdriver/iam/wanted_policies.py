"""Which policies a role is to have, as a plan of Terraform says, or its state right after an apply. Pure; no I/O.

Believed of either are the resources that make policies. What Terraform wrote into the role's own attributes
`inline_policy` and `managed_policy_arns` it may have read from AWS, hand-made policies included.
Source: the AWS provider's documentation of aws_iam_role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfdriver.iam.policy_document import Document, parse_policy

State = Mapping[str, Any]

_NEW = "a policy that is still to be applied"  # and so has no ARN, or no name, that anybody knows


@dataclass(frozen=True)
class WantedPolicies:
    """A role's policies. trust: its trust policy; boundary: ARN of its permissions boundary, or ''.

    managed: document by ARN of each attached policy, None where it is not known; inline: document by name.
    unsure: ARNs and names that are the role's as far as anybody can tell from the role alone. unknown: those whose
    document is known only once Terraform has applied it.
    """

    trust: Document
    boundary: str = ""
    managed: Mapping[str, Document | None] = field(default_factory=dict)
    inline: Mapping[str, Document] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


def as_state(shown: Mapping[str, Any]) -> State:
    """Return the resources that a plan leads to as a state has them, without what is known only once it is applied.

    shown: the plan as `terraform show -json` shows it. Source: Terraform's documentation, "JSON output format".
    """
    return {"resources": list(_planned(shown.get("planned_values", {}).get("root_module", {})))}


def _planned(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for found in module.get("resources", []):
        yield {"mode": found["mode"], "type": found["type"], "instances": [{"attributes": found["values"]}]}
    for child in module.get("child_modules", []):
        yield from _planned(child)


def outputs(state: State, name: str) -> Any:
    """Return the value of an output in a state, None if it is not there."""
    return state.get("outputs", {}).get(name, {}).get("value")


def wanted_policies(state: State, role_name: str) -> WantedPolicies | None:
    """Return the policies that a role is to have, None if the state has no such role.

    state: version 4, as Terraform stores it, or as `as_state` has it. Raises ValueError for a policy that is no JSON.
    """
    role = next((r for r in _attributes(state, "aws_iam_role") if r.get("name") == role_name), None)
    if role is None:
        return None
    documents = {p.get("arn", _NEW): _document(p, "policy") for p in _attributes(state, "aws_iam_policy")}
    attached = [a for a in _attributes(state, "aws_iam_role_policy_attachment") if a.get("role") == role_name]
    inline = [p for p in _attributes(state, "aws_iam_role_policy") if p.get("role") == role_name]
    managed = {arn: documents.get(arn) for arn in (a.get("policy_arn", _NEW) for a in attached)}
    named = {p.get("name", _NEW): _document(p, "policy") for p in inline}
    unknown = {arn for arn, document in managed.items() if arn in documents and document is None}
    trust = _document(role, "assume_role_policy")
    return WantedPolicies(
        trust or {},
        role.get("permissions_boundary") or "",
        managed,
        {name: document or {} for name, document in named.items()},
        frozenset([*(role.get("managed_policy_arns") or []), *(p["name"] for p in role.get("inline_policy") or [])]),
        frozenset(unknown | {n for n, d in [*named.items(), ("its trust policy", trust)] if d is None}),
    )


def _document(attributes: Mapping[str, Any], name: str) -> Document | None:
    """Return a policy of a resource, None if it is known only once it is applied."""
    return parse_policy(attributes[name]) if name in attributes else None


def _attributes(state: State, kind: str) -> Iterator[Mapping[str, Any]]:
    for resource in state.get("resources", []):
        if resource.get("mode") == "managed" and resource.get("type") == kind:
            for instance in resource["instances"]:
                yield instance["attributes"]
