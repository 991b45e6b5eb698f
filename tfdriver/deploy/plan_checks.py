"""Checks of a Terraform plan before it is applied. Pure; no I/O.

Source of a plan's shape: Terraform's documentation, "JSON Output Format" (internals/json-format).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.deploy.ownership import in_module
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.iam.trust import Trust
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Role


@dataclass(frozen=True)
class PlannedRole:
    """An IAM role after a plan is applied. name: None if known only after the apply; trust: see `trust.read_trust`."""

    name: str | None
    path: str
    trust: Trust | None


def refuse_other_names(composition: Composition, plan: Mapping[str, Any], trusts: Mapping[str, Trust]) -> None:
    """Raise TfdriverError for a plan that creates a role under another name or path than the spec's.

    plan: as JSON, {} if it creates nothing; trusts: the planned trust of each trusting role, by key. No other role of
    its module may have that trust.
    """
    for role in composition.roles:
        planned = list(_planned_roles(plan, role))
        others = [found for found in planned if (found.name, found.path) != (role.name, role.path)]
        if planned and len(others) == len(planned):
            raise _other_name(role, others[0])
        if role.key in trusts and (same := [found for found in others if found.trust == trusts[role.key]]):
            raise _other_name(role, same[0], " with the trust policy of this role")


def _planned_roles(plan: Mapping[str, Any], role: Role) -> Iterator[PlannedRole]:
    """Yield the IAM roles of a role's module after the plan is applied."""
    for resource in plan.get("resource_changes", ()):
        after = resource["change"].get("after")
        if resource["type"] != "aws_iam_role" or resource["mode"] != "managed" or after is None:
            continue
        if in_module(resource.get("module_address", ""), role):
            policy = after.get("assume_role_policy")
            yield PlannedRole(after.get("name"), after.get("path", ""), trust.read_trust(policy) if policy else None)


def _other_name(role: Role, planned: PlannedRole, detail: str = "") -> TfdriverError:
    unknown = "an IAM role whose name is known only after the apply (`name_prefix`, or no `name`)"
    named = f"IAM role {planned.name} with path {planned.path}" if planned.name else unknown
    return TfdriverError(
        f"it creates {named}{detail}; the spec says name {role.name}, path {role.path}",
        code="other_role_name",
        where=f"module {role.module} of {role_in_account(role)}",
        hint="No changes made. In the module's aws_iam_role, set `name = var.role_name` and `path = var.role_path`; "
        "see modules/README.md",
    )
