"""The values (`terraform.tfvars.json`) of a composition, final and for phase 1. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from tfdriver.aws.observe import Observation
from tfdriver.iam import trust_state
from tfdriver.iam.policy_document import Document, moment
from tfdriver.spec.compositions import REVOKE, Composition, Side, values
from tfdriver.spec.existing import existing_values
from tfdriver.spec.model import Role, Spec

_LONGEST_SESSION = timedelta(hours=12)  # IAM user guide, id_roles_use_revoke-sessions


def final(
    spec: Spec,
    composition: Composition,
    revoke_before: Mapping[str, str] | None = None,
    kept: Mapping[str, Document] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the final values: trust policies are exact, and trusted roles may assume exactly their trusting roles.

    Role ARNs follow from account, path and name. `tfdriver render` writes these values without calling AWS: applied by
    hand, they never widen a trust. revoke_before: time by role key, see `deploy.revocation`; kept: the trust policies
    of the roles that keep theirs, by role key.
    """
    trusting = composition.roles if composition.side is Side.TRUSTING else ()
    policies = {role.key: trust_state.exact_trust(role, spec.trusted_by(role)) for role in trusting}
    policies |= {key: dict(policy) for key, policy in kept.items() if key in policies}
    return values(spec, composition, policies, revoke_before) | existing_values(spec, composition)


def opening(
    spec: Spec,
    composition: Composition,
    observation: Observation,
    now: datetime,
    earlier: Iterable[Role] = (),
    revoke_before: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the values of phase 1 for a trusting composition; see `trust_state.opening_trust`.

    earlier: trusted roles that phase 1 creates before this composition.
    """
    existing = observation.existing() | {role.arn for role in earlier}
    policies = {
        role.key: trust_state.opening_trust(observation.states[role.key], spec.trusted_by(role), existing, now)
        for role in composition.roles
    }
    return values(spec, composition, policies, revoke_before) | existing_values(spec, composition)


def noted_revocations(composition: Composition, written: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the revocation times, by role key, that may still be needed: the longest session has not ended.

    For callers without access to the roles' session durations in AWS. written: the values as last written.
    """
    found = revocations_in(composition, written)
    return {key: text for key, text in found.items() if now < moment(text) + _LONGEST_SESSION}


def revocations_in(composition: Composition, written: Mapping[str, Any]) -> dict[str, str]:
    """Return the revocation times in the values of a composition, by role key."""
    times = written.get(REVOKE, {})
    return {role.key: times[role.label] for role in composition.roles if role.label in times}
