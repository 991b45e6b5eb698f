"""Trust changes, the lines of the timeline: from Terraform's events, or from a comparison with AWS. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tfdriver.iam import trust, wording
from tfdriver.iam.trust import Trust
from tfdriver.iam.trust_state import TrustKind, TrustState

BROAD, EXACT, GONE, OTHER = "broad", "exact", "gone", "other"


@dataclass(frozen=True)
class TrustChange:
    """One trust change. at: UTC, ISO 8601; kind: broad, exact, other or gone; trusted: in words; by: caller ARN.

    until: the deadline of a broad trust, UTC, ISO 8601, or ''; guarded: whether it has the `aws:PrincipalArn` guard.
    seen: whether it was read from AWS, so that `by` is unknown and `at` may be approximate.
    """

    at: str
    role: str
    account: str
    kind: str
    trusted: str = ""
    until: str = ""
    guarded: bool = False
    by: str = ""
    seen: bool = False


def planned_policies(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return the trust policies that a plan writes, by the address of the role; '' if known only after the apply.

    plan: as JSON. Source of its shape: Terraform's documentation, "JSON Output Format" (internals/json-format).
    """
    roles = ((r["address"], r["change"]) for r in plan.get("resource_changes", ()) if r["type"] == "aws_iam_role")
    trusts = ((a, _policy(change.get("before")), _policy(change.get("after"))) for a, change in roles)
    return {address: after for address, before, after in trusts if after != before or not after}


def _policy(role: Mapping[str, Any] | None) -> str:
    return str((role or {}).get("assume_role_policy") or "")


def applied_change(at: str, role: str, account: str, policy: str | None, by: str) -> TrustChange:
    """Return the change for an event of Terraform. at: ISO 8601; policy: as applied, None for a deleted role."""
    at = utc(datetime.fromisoformat(at)) if at else ""
    found = None if policy is None else trust.read_trust(policy)
    if policy is not None and found is None:
        return TrustChange(at, role, account, OTHER, by=by)
    return _change(at, role, account, found, by)


def missing_change(newest: TrustChange | None, state: TrustState, now: datetime) -> TrustChange | None:
    """Return the change between a role's newest line and its state in AWS, None if no line is missing.

    Unmanaged and unreadable policies are not recorded, nor is a role without lines unless its trust is broad. `at` is
    `now` (UTC), except for a broad trust without a line since the role's creation: `at` is then the creation, because
    tfdriver opens a trust only when it creates the role.
    """
    found, role = state.trust, state.role
    if found is None and state.kind is not TrustKind.ABSENT:
        return None
    broad = found is not None and found.broad
    if newest is None and not broad:
        return None
    at, created = now, state.live.created if state.live else None
    if broad and created and created <= now and (newest is None or created > datetime.fromisoformat(newest.at)):
        at = created
    change = _change(utc(at), role.name, role.account.name, found, seen=True)
    if newest is None or newest.kind != change.kind:
        return change
    return change if broad and (newest.trusted, newest.until) != (change.trusted, change.until) else None


def utc(when: datetime) -> str:
    """Return a time in UTC, ISO 8601."""
    return when.astimezone(UTC).isoformat()


def _change(at: str, role: str, account: str, found: Trust | None, by: str = "", *, seen: bool = False) -> TrustChange:
    """Return a trust change. found: the new trust, None for a deleted role."""
    if found is None:
        return TrustChange(at, role, account, GONE, by=by, seen=seen)
    return TrustChange(
        at=at,
        role=role,
        account=account,
        kind=BROAD if found.broad else EXACT,
        trusted=wording.trusted_whenever(found),
        until=utc(found.until) if found.until else "",
        guarded=bool(found.guard),
        by=by,
        seen=seen,
    )
