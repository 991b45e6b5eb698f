"""Checks of the policies that IAM has: the trust, and what the roles may do. Pure; no I/O.

Source of a plan's shape: Terraform's documentation, "JSON Output Format" (internals/json-format).
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

# The resources that give a role its permissions, and which of their attributes do.
_ATTRIBUTES = {
    "aws_iam_role": ("assume_role_policy", "permissions_boundary", "inline_policy", "managed_policy_arns"),
    "aws_iam_policy": ("policy",),
    "aws_iam_role_policy": ("policy",),
    "aws_iam_role_policy_attachment": (),
}


def trust_check(state: TrustState, wanted: tuple[Role, ...], now: datetime) -> CheckResult:
    """Return whether a trusting role trusts exactly the live roles that the spec names."""
    role = state.role
    expected = wording.trusted(trust.exact(wanted, role.external_id))
    verdict = CheckStatus.PASSED if state.settled else CheckStatus.FAILED
    if state.kind is TrustKind.UNREADABLE:
        verdict = CheckStatus.INCONCLUSIVE
    said = json.dumps(state.live.trust_policy, sort_keys=True, separators=(",", ":")) if state.live else ""
    return CheckResult(
        CheckedRoles(role.key, ""),
        "trust-policy",
        f"the trust policy of {wording.role_in_account(role)}, as IAM has it",
        f"trusts {expected}",
        wording.state(state, now),
        verdict,
        Evidence(said=said),
    )


def permissions_check(role: Role, pair: CheckedRoles, plan: Mapping[str, Any], unmanaged: Unmanaged) -> CheckResult:
    """Return whether a role's policies are those of its composition, and no others.

    plan: of the composition, as `terraform show -json` shows it, {} right after an apply. The trust policy of a
    trusting role has a check of its own.
    """
    found = list(_changes(role, plan))
    found += [(True, f"it also has policy {name}") for name in unmanaged.names]
    found += [
        (False, f"it also has policy {name}, from the role's own arguments or by hand") for name in unmanaged.unsure
    ]
    certain = any(certain for certain, _ in found)
    return CheckResult(
        pair,
        "permissions",
        f"the permissions of {wording.role_in_account(role)}, as IAM has them",
        "what the composition says",
        "; ".join(text for _, text in found) or "the same",
        CheckStatus.FAILED if certain else CheckStatus.INCONCLUSIVE if found else CheckStatus.PASSED,
    )


def _changes(role: Role, plan: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield what Terraform would change of a role's permissions, and whether the plan knows what it would change."""
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
            if before.get(name) != after.get(name) and not (role.trusts and name == "assume_role_policy"):
                known = not change["after_unknown"].get(name)
                wanted = after.get(name) if known else "known only after an apply"
                yield known, f"{resource['address']}: {name} is {before.get(name)}, in the composition it is {wanted}"
