"""The values (`terraform.tfvars.json`) each composition gets, at the end and in phase 1. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tfdriver.aws.observe import Observation
from tfdriver.iam import trust_state
from tfdriver.iam.policy_document import moment
from tfdriver.spec.compositions import REVOKE, Composition, Side, roles_to_assume, trusted_values, trusting_values
from tfdriver.spec.model import Spec

_LONGEST_SESSION = timedelta(hours=12)  # IAM user guide, id_roles_use_revoke-sessions


def final(
    spec: Spec,
    composition: Composition,
    arns: Mapping[str, str] | None = None,
    revoke_before: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the values of the end state: trust exactly the trusted roles, assume exactly the trusting ones.

    arns: role ARN by key as AWS gave it; by default the ARN each role has by its account, path and name. This is what
    `tfdriver render` writes, without asking AWS: applied by hand, it can never loosen anything. revoke_before: see
    `revoke`.
    """
    arns = arns or {role.key: role.arn for role in spec.roles.values()}
    if composition.side is Side.TRUSTING:
        policies = {role.key: trust_state.exact_trust(role, spec.trusted_by(role)) for role in composition.roles}
        return trusting_values(composition, policies, revoke_before)
    return trusted_values(composition, {r.key: roles_to_assume(spec, r, arns) for r in composition.roles})


def opening(
    spec: Spec,
    composition: Composition,
    seen: Observation,
    now: datetime,
    revoke_before: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the values of phase 1 for a trusting composition; see `decide.opening`."""
    existing = seen.existing()
    policies = {
        role.key: trust_state.opening_trust(seen.states[role.key], spec.trusted_by(role), existing, now)
        for role in composition.roles
    }
    return trusting_values(composition, policies, revoke_before)


def noted_revocations(values: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the moments, by role key, that a composition's values have and that may not have served yet.

    For those who do not ask AWS, and so do not know how long a session of the role may be. values: as last written.
    """
    return {key: text for key, text in values.get(REVOKE, {}).items() if now < moment(text) + _LONGEST_SESSION}
