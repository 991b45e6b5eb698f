"""The lines of the timeline: what a change of a trust looks like, and which of them AWS shows and nobody told. Pure."""

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
    """One change of a trust. at: UTC, ISO 8601; kind: broad, exact, other or gone; trusted: in words; by: caller ARN.

    until: the deadline of a broad trust, UTC, ISO 8601, or ''; guarded: whether it has the `aws:PrincipalArn` guard.
    seen: whether it was found by looking at AWS, which does not say who made it, nor always when (see `news`).
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


def told(at: str, role: str, account: str, policy: Mapping[str, Any] | None, by: str) -> TrustChange:
    """Return the line for what Terraform told. at: its time, ISO 8601; policy: as applied, None for a deleted role."""
    at = utc(datetime.fromisoformat(at)) if at else ""
    found = None if policy is None else trust.read_trust(policy)
    if policy is not None and found is None:
        return TrustChange(at, role, account, OTHER, by=by)
    return _line(at, role, account, found, by)


def news(newest: TrustChange | None, state: TrustState, now: datetime) -> TrustChange | None:
    """Return the line that is missing after `newest`, a role's newest, for AWS to show `state` now; None if none is.

    Nothing is said of a policy that cannot be read or understood, nor of a role without a line that is not open. A
    broad trust began when its role was created, for tfdriver opens none otherwise, unless a line says that the role had
    another trust since; of anything else, and where that is not known, `at` is `now` (UTC).
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
    line = _line(utc(at), role.name, role.account.name, found, seen=True)
    same = newest is not None and newest.kind == line.kind and (not broad or newest.trusted == line.trusted)
    return None if same else line


def utc(when: datetime) -> str:
    """Return a time as the lines have it."""
    return when.astimezone(UTC).isoformat()


def _line(at: str, role: str, account: str, found: Trust | None, by: str = "", *, seen: bool = False) -> TrustChange:
    """Return the line for a role with this trust; None for a role that is gone."""
    if found is None:
        return TrustChange(at, role, account, GONE, by=by, seen=seen)
    kind, until = BROAD if found.broad else EXACT, utc(found.until) if found.until else ""
    return TrustChange(at, role, account, kind, wording.trusted(found), until, bool(found.guard), by, seen)
