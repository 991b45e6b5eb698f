"""What AWS shows, what the spec wants, and so: which trust each role gets in each phase. Pure; no I/O.

The rule "never loosen" lives here: a role that exists keeps exactly the trust that AWS shows until it is tightened;
only a role that does not exist may start broad.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tfdriver.iam import trust
from tfdriver.iam.policy_document import Document, access, named
from tfdriver.iam.trust import Trust
from tfdriver.spec.model import Role


class Phase(StrEnum):
    """The three phases, in order."""

    BROAD = "broad"
    CONNECT = "connect"
    TIGHTEN = "tighten"


class TrustKind(StrEnum):
    """What the trust of a trusting role is now."""

    ABSENT = "absent"  # no such role
    BROAD = "broad"  # a whole account, guarded or not, expired or not
    EXACT = "exact"  # only roles the spec names, all of them live
    ORPHANED = "orphaned"  # names the unique id of a role that was deleted
    UNMANAGED = "unmanaged"  # anything tfdriver would not write
    UNREADABLE = "unreadable"  # AWS did not say


@dataclass(frozen=True)
class LiveRole:
    """A role as iam:GetRole shows it. trust_policy: its AssumeRolePolicyDocument, decoded; created: UTC, if said."""

    arn: str
    role_id: str
    trust_policy: Document
    tags: Mapping[str, str]
    created: datetime | None = None


@dataclass(frozen=True)
class Unreadable:
    """A role, or a state, that was asked for and could not be read. reason: one sentence without a full stop."""

    reason: str


@dataclass(frozen=True)
class TrustState:
    """What is known of one trusting role. missing: trusted roles of the spec that an exact trust does not name yet.

    live: the role, if it exists and could be read; trust: its policy, if tfdriver could have written it.
    detail: for UNMANAGED the difference, for UNREADABLE the reason.
    """

    role: Role
    kind: TrustKind
    live: LiveRole | None = None
    trust: Trust | None = None
    missing: tuple[Role, ...] = ()
    detail: str = ""

    @property
    def settled(self) -> bool:
        """Whether the trust is what phase 3 would write."""
        return self.kind is TrustKind.EXACT and not self.missing

    def open_at(self, now: datetime) -> bool:
        """Whether a broad trust is in force, also one that tfdriver or the spec as it is now would not have written."""
        if self.trust is not None:
            return self.trust.broad and not self.trust.expired(now)
        return self.live is not None and trust.may_be_broad(self.live.trust_policy)


def classify(
    role: Role,
    wanted: Iterable[Role],
    seen: LiveRole | Unreadable | None,
    trusted_ids: Mapping[str, str],
) -> TrustState:
    """Return the state of a trusting role.

    wanted: the roles it is to trust; seen: what AWS shows of it, None for no such role; trusted_ids: unique id by ARN
    of those `wanted` roles that exist (IAM shows an id instead of an ARN for a while, or for good: see `Trust`).
    """
    wanted = tuple(wanted)
    if seen is None:
        return TrustState(role, TrustKind.ABSENT)
    if isinstance(seen, Unreadable):
        return TrustState(role, TrustKind.UNREADABLE, detail=seen.reason)
    found = trust.read_trust(seen.trust_policy)
    if found is None:
        return TrustState(role, TrustKind.UNMANAGED, seen, detail=f"it {access(seen.trust_policy)}")
    difference = _difference(role, wanted, found)
    if difference:
        return TrustState(role, TrustKind.UNMANAGED, seen, found, detail=difference)
    if found.broad:
        return TrustState(role, TrustKind.BROAD, seen, found)
    arn_of = {role_id: arn for arn, role_id in trusted_ids.items()}
    arns = {arn_of.get(principal, principal) for principal in found.principals}
    missing = tuple(r for r in wanted if r.arn not in arns)
    dead = any(principal not in arn_of for principal in found.dead_ids)
    return TrustState(role, TrustKind.ORPHANED if dead else TrustKind.EXACT, seen, found, missing)


def _difference(role: Role, wanted: tuple[Role, ...], found: Trust) -> str:
    """Say in what a trust differs from anything that tfdriver would write for this role, or return ''.

    That it lets in a whole account comes first then: it matters more than what else is wrong.
    """
    differences = list(_differences(role, wanted, found))
    if differences and found.broad and not found.guard:
        differences.insert(0, "it trusts a whole account, without a guard")
    return "; ".join(differences)


def _differences(role: Role, wanted: tuple[Role, ...], found: Trust) -> Iterator[str]:
    if found.external_id != role.external_id:
        yield f"its external id is {found.external_id or 'not set'}, the spec says {role.external_id or 'none'}"
    allowed = {r.account.root_arn for r in wanted} if found.broad else {r.arn for r in wanted}
    strangers = sorted(found.principals - allowed - found.dead_ids)
    if strangers:
        yield f"it trusts {' and '.join(map(named, strangers))}, which the spec does not name"
    if found.broad and found.until and not found.guard:
        yield "it has a deadline, which tfdriver never writes without the guard"
    if found.until and not found.broad:
        yield "it has a deadline though it trusts single roles"
    outside = sorted(found.guard - {r.arn for r in wanted})
    if outside:
        yield f"its guard allows {' and '.join(map(named, outside))}, which the spec does not name"


def opening_trust(state: TrustState, wanted: Iterable[Role], existing: frozenset[str], now: datetime) -> dict[str, Any]:
    """Return the trust policy of phase 1.

    A role that exists keeps what AWS shows. A new one trusts exactly those of `wanted` that exist already (`existing`:
    their ARNs), and only if there is none of them, their accounts.
    """
    if state.live is not None:
        return dict(state.live.trust_policy)
    wanted = tuple(wanted)
    there = [r for r in wanted if r.arn in existing]
    first = trust.exact(there, state.role.external_id) if there else trust.broad(state.role, wanted, now)
    return trust.document(first)


def exact_trust(role: Role, wanted: Iterable[Role]) -> dict[str, Any]:
    """Return the trust policy of phase 3: exactly the roles that the spec names."""
    return trust.document(trust.exact(wanted, role.external_id))
