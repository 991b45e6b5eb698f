"""Checks of the live trust and permissions policies. Pure; no I/O.

Source of a plan's format: Terraform's documentation, "JSON Output Format" (internals/json-format).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tfdriver.aws.role_policies import Unmanaged
from tfdriver.deploy.ownership import in_module
from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus, Evidence
from tfdriver.iam import trust, wording
from tfdriver.iam.trust_state import TrustKind as TrustKind
from tfdriver.iam.trust_state import TrustState
from tfdriver.spec.model import Role

# The resources that define a role's permissions, and their relevant attributes.
_ATTRIBUTES = {
    "aws_iam_role": ("assume_role_policy", "permissions_boundary", "inline_policy", "managed_policy_arns"),
    "aws_iam_policy": ("policy",),
    "aws_iam_role_policy": ("policy",),
    "aws_iam_role_policy_attachment": (),
}


def trust_check(state: TrustState, wanted: tuple[Role, ...], now: datetime) -> CheckResult:
    """Check that a trusting role trusts exactly the live roles named in the spec."""
    role = state.role
    expected = wording.trusted(trust.exact_for(role, wanted))
    verdict = CheckStatus.PASSED if state.settled else CheckStatus.FAILED
    if state.kind is TrustKind.UNREADABLE:
        verdict = CheckStatus.INCONCLUSIVE
    document = json.dumps(state.live.trust_policy, sort_keys=True, separators=(",", ":")) if state.live else ""
    return CheckResult(
        CheckedRoles(role.key, ""),
        name="trust-policy",
        tried=f"the live trust policy of {wording.role_in_account(role)}",
        expected=f"trusts {expected}",
        happened=wording.state(state, now),
        verdict=verdict,
        evidence=Evidence(said=document),
    )


def permissions_check(
    role: Role, pair: CheckedRoles, plan: Mapping[str, Any] | None, unmanaged: Unmanaged
) -> CheckResult:
    """Check that a role has the policies of its composition and no others.

    plan: of the composition, from `terraform show -json`, {} for no changes; None if this run has applied the
    composition or has planned it without changes. The trust policy of a trusting role is checked by `trust_check`.
    """
    found = list(_changes(role, plan or {}))
    found += [(True, f"it also has policy {name}") for name in unmanaged.names]
    found += [
        (False, f"it also has policy {name}, from the role's own arguments or by hand") for name in unmanaged.unsure
    ]
    certain = any(certain for certain, _ in found)
    same = "the same" if plan is not None else "as this run applied or planned them, and no other policy"
    return CheckResult(
        pair,
        name="permissions",
        tried=f"the live permissions of {wording.role_in_account(role)}",
        expected="as in the composition",
        happened="; ".join(text for _, text in found) or same,
        verdict=CheckStatus.FAILED if certain else CheckStatus.INCONCLUSIVE if found else CheckStatus.PASSED,
    )


def _changes(role: Role, plan: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield, per planned change of a role's permissions, whether the plan has the new value, and a description."""
    for resource in plan.get("resource_changes", ()):
        attributes, change = _ATTRIBUTES.get(resource["type"]), resource["change"]
        if attributes is None or resource["mode"] != "managed" or change["actions"] == ["no-op"]:
            continue
        before, after = change["before"] or {}, change["after"] or {}
        of_role = role.name in (before.get("role"), after.get("role"))
        if not of_role and not in_module(resource.get("module_address", ""), role):
            continue
        if change["actions"] != ["update"]:
            yield True, f"Terraform would {' and '.join(change['actions'])} {resource['address']}"
            continue
        for name in attributes:
            if before.get(name) != after.get(name) and not (role.is_trusting and name == "assume_role_policy"):
                known = not change["after_unknown"].get(name)
                wanted = after.get(name) if known else "known only after an apply"
                yield known, f"{resource['address']}: {name} is {before.get(name)}, in the composition it is {wanted}"
