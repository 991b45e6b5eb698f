"""Compares a trust policy in AWS with the spec, and decides the trust policy of each phase. Pure; no I/O.

A trust is never widened: an existing role keeps its trust policy until phase 3. Only a new role may start broad.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
    """The states of a trust policy."""

    ABSENT = "absent"  # the role does not exist
    FOUND = "found"  # of an existing role: its own statements alone, as before the first `up`
    BROAD = "broad"  # a whole account, guarded or not, expired or not
    EXACT = "exact"  # only roles, which all exist
    ORPHANED = "orphaned"  # the unique id of a deleted role
    UNMANAGED = "unmanaged"  # a policy that neither the spec nor the state explains
    UNREADABLE = "unreadable"  # iam:GetRole failed
    UNSEEN = "unseen"  # the role is in an account that the run does not cover


@dataclass(frozen=True)
class LiveRole:
    """A role as iam:GetRole returns it. trust_policy: its AssumeRolePolicyDocument, decoded; created: in UTC."""

    arn: str
    role_id: str
    trust_policy: Document
    tags: Mapping[str, str]
    created: datetime | None = None


@dataclass(frozen=True)
class Unreadable:
    """A role or a state that could not be read. reason: one sentence without a full stop."""

    reason: str


@dataclass(frozen=True)
class RecordedRole:
    """A role as an `outputs.json` lists it. role_id: its unique id; at: since when, UTC; caller: who applied it."""

    arn: str
    role_id: str
    at: datetime
    caller: str


@dataclass(frozen=True)
class Unseen(Unreadable):
    """A role in an account that the run does not cover: nothing was called. It may exist or not.

    file: the `outputs.json` that may list it, relative to the project; recorded: the role there, None if it is not.
    """

    file: str = ""
    recorded: RecordedRole | None = None


@dataclass(frozen=True)
class TrustState:
    """The state of a trusting role. live: the role in AWS, if it exists and is readable.

    trust: its trust, if tfdriver could have written the policy; missing, missing_arns: the trusted roles and the ARNs
    of the spec that an exact trust does not name yet. detail: for UNREADABLE the reason, else the difference from the
    spec; of another kind than UNMANAGED, the spec has changed since the policy was applied.
    """

    role: Role
    kind: TrustKind
    live: LiveRole | None = None
    trust: Trust | None = None
    missing: tuple[Role, ...] = ()
    missing_arns: tuple[str, ...] = ()
    detail: str = ""

    @property
    def settled(self) -> bool:
        """Whether the role has the trust policy that phase 3 writes."""
        return self.kind is TrustKind.EXACT and not (self.missing or self.missing_arns or self.detail)

    def open_at(self, now: datetime) -> bool:
        """Whether a broad trust is in force, including an unmanaged one."""
        if self.trust is not None:
            return self.trust.broad and not self.trust.expired(now)
        if self.kind is TrustKind.FOUND:  # tfdriver has not opened it
            return False
        return self.live is not None and trust.may_be_broad(self.live.trust_policy)


def classify(
    role: Role,
    wanted: Iterable[Role],
    live: LiveRole | Unreadable | None,
    trusted_ids: Mapping[str, str],
    applied: Document | str | None = None,
) -> TrustState:
    """Return the state of a trusting role.

    wanted: the roles to trust; live: the role in AWS, None if it does not exist; trusted_ids: the unique ids by ARN of
    the `wanted` roles that exist (IAM may return a unique id in place of an ARN). applied: the trust policy of the role
    in Terraform's state, None if no state lists the role. A policy that IAM returns as it was applied is not unmanaged,
    whatever the spec says now, unless tfdriver never writes such a policy.
    """
    wanted = tuple(wanted)
    if live is None:
        return TrustState(role, TrustKind.ABSENT)
    if isinstance(live, Unreadable):
        kind = TrustKind.UNSEEN if isinstance(live, Unseen) else TrustKind.UNREADABLE
        return TrustState(role, kind, detail=live.reason)
    if role.existing:
        return _classify_existing(role, wanted, live, trusted_ids, applied)
    found = trust.read_trust(live.trust_policy)
    if found is None:
        return TrustState(role, TrustKind.UNMANAGED, live=live, detail=f"it {access(live.trust_policy)}")
    detail = "; ".join(_differences(role, wanted, live.trust_policy, found))
    if detail and not (applied and _as_applied(found, trust.read_trust(applied))):
        return TrustState(role, TrustKind.UNMANAGED, live=live, trust=found, detail=detail)
    if found.broad:
        return TrustState(role, TrustKind.BROAD, live=live, trust=found, detail=detail)
    arn_of = {role_id: arn for arn, role_id in trusted_ids.items()}
    arns = {arn_of.get(principal, principal) for principal in found.principals}
    missing = tuple(r for r in wanted if r.arn not in arns)
    missing_arns = tuple(arn for arn in role.trusted_arns if arn not in arns)
    dead = any(principal not in arn_of for principal in found.dead_ids)
    kind = TrustKind.ORPHANED if dead else TrustKind.EXACT
    return TrustState(role, kind, live=live, trust=found, missing=missing, missing_arns=missing_arns, detail=detail)


def _classify_existing(
    role: Role,
    wanted: tuple[Role, ...],
    live: LiveRole,
    trusted_ids: Mapping[str, str],
    applied: Document | str | None,
) -> TrustState:
    """Return the state of an existing role: of its trust policy without its own statements, which must all be there."""
    rest, missing = trust.without_statements(live.trust_policy, role.trust_statements)
    if missing:
        lacks = f"it does not have the statement that {access({'Statement': missing})}"
        detail = f"it {access({'Statement': rest})}; {lacks}" if rest else lacks
        return TrustState(role, TrustKind.UNMANAGED, live=live, detail=detail)
    if not rest:
        return TrustState(role, TrustKind.FOUND, live=live)
    before = trust.without_statements(applied, role.trust_statements)[0] if applied else []
    alone = replace(role, existing=False, trust_statements=())
    part = replace(live, trust_policy={"Statement": rest})
    state = classify(alone, wanted, part, trusted_ids, {"Statement": before} if before else None)
    if state.trust is not None and state.trust.statements:  # changed by its owner
        detail = f"it {access(part.trust_policy)}"
        return TrustState(role, TrustKind.UNMANAGED, live=live, detail=detail)
    own = frozenset(map(trust.canonical, role.trust_statements))
    return replace(state, role=role, live=live, trust=state.trust and replace(state.trust, statements=own))


def _as_applied(found: Trust, applied: Trust | None) -> bool:
    """Whether a trust is the applied one. IAM returns a unique id in place of the ARN of a role deleted since."""
    if applied is None or replace(found, principals=applied.principals) != applied:
        return False
    new, gone = found.principals - applied.principals, applied.principals - found.principals
    return new <= found.dead_ids and len(new) == len(gone)


def _differences(role: Role, wanted: tuple[Role, ...], policy: Document, found: Trust) -> list[str]:
    """Return the differences between a trust and those that tfdriver writes for this role, the most serious first.

    policy: as IAM returns it. They say who may assume the role.
    """
    differences = []
    if found.external_id != role.external_id:
        wanted_id = role.external_id or "none"
        differences.append(f"its external id is {found.external_id or 'not set'}, the spec says {wanted_id}")
    differences += _other_additions(trust.with_additions(found, role), found)
    exact = {r.arn for r in wanted} | {*role.trusted_arns}
    allowed = {r.account.root_arn for r in wanted} if found.broad else exact
    others = sorted(found.principals - allowed - found.dead_ids)
    if others:
        differences.append(f"it trusts {' and '.join(map(named, others))}, which the spec does not name")
    if found.until and not found.guard:
        differences.append("it has a deadline without a guard")
    guarded = sorted(found.guard - {r.arn for r in wanted})
    if guarded:
        differences.append(f"its guard allows {' and '.join(map(named, guarded))}, which the spec does not name")
    if differences and not others and not guarded:
        differences.insert(0, f"it {access(policy)}")
    return differences


def _other_additions(wanted: Trust, found: Trust) -> list[str]:
    """Return the differences in what a spec may add to a trust. wanted: `found` with the additions of the spec."""
    differences = []
    for operator, key, values in sorted(found.conditions ^ wanted.conditions):
        kept = "does not have" if (operator, key, values) in wanted.conditions else "has"
        differences.append(f"it {kept} the condition {operator} {key} {values}")
    for action in sorted(found.actions ^ wanted.actions):
        differences.append(f"it {'does not allow' if action in wanted.actions else 'allows'} {action}")
    for statement in sorted(found.statements ^ wanted.statements):
        kept = "does not have" if statement in wanted.statements else "has"
        differences.append(f"it {kept} the statement that {access({'Statement': json.loads(statement)})}")
    return differences


def opening_trust(state: TrustState, wanted: Iterable[Role], existing: frozenset[str], now: datetime) -> dict[str, Any]:
    """Return the trust policy of phase 1.

    An existing role keeps its policy. A new role trusts exactly the `wanted` roles that exist, or if none does, their
    accounts, and not the ARNs of the spec yet. A new role that trusts only ARNs trusts exactly these. existing: the
    ARNs of the trusted roles that exist.
    """
    if state.live is not None:
        return dict(state.live.trust_policy)
    wanted = tuple(wanted)
    exact = [r for r in wanted if r.arn in existing]
    opening = trust.exact_for(state.role, exact) if exact or not wanted else trust.broad(state.role, wanted, now)
    return trust.document(opening)


def exact_trust(role: Role, wanted: Iterable[Role]) -> dict[str, Any]:
    """Return the trust policy of phase 3: exactly the roles of the spec."""
    return trust.document(trust.exact_for(role, wanted))
