"""How trusts and states are put in words. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tfdriver.iam.trust import Trust
from tfdriver.iam.trust_state import TrustKind, TrustState


def short(arn: str) -> str:
    """Return an ARN as people say it: `account 222222222222`, or `222222222222:role/bar`."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return f"the deleted role {arn}"
    return f"account {parts[4]}" if parts[5] == "root" else f"{parts[4]}:{parts[5]}"


def moment(when: datetime) -> str:
    """Return a UTC time in words, to the second."""
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def trusted(trust: Trust) -> str:
    """Say who a trust lets in: `account 222222222222, only as role/bar, until ...`."""
    parts = [", ".join(short(p) for p in sorted(trust.principals))]
    if trust.guard:
        names = sorted(arn.split(":", 5)[5] for arn in trust.guard)
        parts.append(f"only as {' or '.join(names)}")
    elif trust.broad:
        parts.append("any principal that account lets")
    if trust.external_id is not None:
        parts.append("with the external id")
    if trust.until:
        parts.append(f"until {moment(trust.until)}")
    return ", ".join(parts)


def state(found: TrustState, now: datetime) -> str:
    """Say what the trust of a role is now, in a few words."""
    match found.kind, found.trust:
        case TrustKind.ABSENT, _:
            return "does not exist"
        case TrustKind.UNREADABLE | TrustKind.UNMANAGED, _:
            return f"{found.kind}: {found.detail}"
        case kind, Trust() as trust:
            expired = " (expired)" if trust.expired(now) else ""
            missing = f", not yet {', '.join(short(r.arn) for r in found.missing)}" if found.missing else ""
            return f"{kind}{expired}: trusts {trusted(trust)}{missing}"
        case kind, _:
            return str(kind)


def in_force(states: Iterable[TrustState], now: datetime) -> str:
    """Say which broad trusts are in force now, or return '' if none is."""
    return "; ".join(
        f"role {s.role.name} in {s.role.account.name} "
        + (f"trusts {trusted(s.trust)}" if s.trust else f"may let in a whole account: {s.detail}")
        for s in states
        if s.open_at(now)
    )
