"""The state of the trust between each trusting and trusted role. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tfdriver.aws.observe import Observation
from tfdriver.iam import wording
from tfdriver.iam.policy_document import account_of, named
from tfdriver.iam.trust import Trust
from tfdriver.iam.trust_state import LiveRole, TrustKind, TrustState, Unreadable
from tfdriver.spec.model import Role, Spec


class PairState(StrEnum):
    """The state of the trust between two roles."""

    ABSENT = "absent"  # the trusting role does not exist, or does not trust the trusted role yet
    BROAD = "broad"  # the trusted role's whole account is trusted
    EXPIRED = "expired"  # the trusted role's whole account was trusted until a deadline that has passed
    EXACT = "exact"  # exactly the trusted role is trusted
    CHANGED = "changed"  # the trusted role is trusted, but the spec has changed since the trust policy was applied
    ORPHANED = "orphaned"  # the trust policy names the unique id of a deleted role
    UNMANAGED = "unmanaged"  # neither spec nor state explains the trust policy, or a role is not managed
    UNREADABLE = "unreadable"  # AWS did not return the trust policy
    ELSEWHERE = "elsewhere"  # the trusting role is not in the spec, and its trust policy is not read
    UNKNOWN = "unknown"  # the trusting role is in an account that was not asked for


class Advice(StrEnum):
    """What to do next. Follow the first of several: it includes the later ones, or they require it."""

    BY_HAND = "Delete the unmanaged trusting role or edit its trust policy: this project does not manage it"
    CLOSE = "Run `tfdriver destroy` to close the trust now"
    PLAN = "Run `tfdriver plan`: it prints what to do about the unmanaged role"
    DESTROY = "Run `tfdriver destroy`"
    ADOPT = "If the state was lost, run `tfdriver up --adopt`"
    STATEMENTS = "Run `tfdriver adopt` for the existing role, and correct its `trust_statements:`"
    OVERWRITE = wording.OVERWRITE
    UP = "Run `tfdriver up`"
    TIGHTEN = "Run `tfdriver tighten`"
    NONE = ""


@dataclass(frozen=True)
class Pair:
    """Two roles, one of which may exist elsewhere. words: the state, without a full stop; advice: what to do, or ''.

    guarded, until: of a broad or expired trust, else None; trusted_exists: None if unknown.
    """

    trusting: str
    trusting_account: str
    trusting_arn: str
    trusted: str
    trusted_account: str
    trusted_arn: str
    state: PairState
    words: str
    advice: str = ""
    guarded: bool | None = None
    until: datetime | None = None
    trusted_exists: bool | None = None

    def __str__(self) -> str:
        kind = "user" if ":user/" in self.trusted_arn else "role"
        roles = f"role {self.trusting} in {self.trusting_account} <- {kind} {self.trusted} in {self.trusted_account}"
        return f"{roles}: {self.state}" + (f", {self.words}" if self.words else "")


def pairs(spec: Spec, observation: Observation, now: datetime, unmanaged: Collection[str] = ()) -> tuple[Pair, ...]:
    """Return every observed pair, in the order of the spec, then those with roles and users that exist elsewhere.

    now: aware, for deadlines; unmanaged: keys of the existing roles that this project does not manage.
    """
    names = {account.id: account.name for account in spec.accounts.values()}
    read = [role for role in spec.trusting if role.key in observation.states]
    return (
        *(
            _pair(trusting, trusted, observation, now, [r for r in (trusting, trusted) if r.key in unmanaged])
            for trusting in read
            for trusted in spec.trusted_by(trusting)
        ),
        *(
            _arn_pair(role, arn, observation, names, unmanaged=role.key in unmanaged)
            for role in read
            for arn in role.trusted_arns
        ),
        *(
            _assumed_pair(assumed.arn, role, observation, names)
            for role in spec.trusted
            if role.key in observation.trusted
            for assumed in role.assumes
        ),
    )


def _arn_pair(role: Role, arn: str, observation: Observation, names: Mapping[str, str], *, unmanaged: bool) -> Pair:
    """Return the pair of a trusting role and an ARN in its `trusts:`. names: of the accounts, by id."""
    state = observation.trust_of(role)
    kind, words, advice = _with_arn(arn, state)
    if unmanaged:
        kind, words, advice = _with_unmanaged(kind, words, [role], by_hand=True)
    return Pair(
        trusting=role.name,
        trusting_account=role.account.name,
        trusting_arn=role.arn,
        trusted=arn.rpartition("/")[2],
        trusted_account=names.get(account_of(arn), account_of(arn)),
        trusted_arn=arn,
        state=kind,
        words=words,
        advice=advice,
    )


def _with_arn(arn: str, state: TrustState) -> tuple[PairState, str, Advice]:
    match state.kind:
        case TrustKind.ABSENT:
            return PairState.ABSENT, f"{wording.role_in_account(state.role)} does not exist", Advice.UP
        case TrustKind.UNREADABLE:
            return PairState.UNREADABLE, state.detail, Advice.NONE
        case TrustKind.UNMANAGED:
            return PairState.UNMANAGED, state.detail, Advice.OVERWRITE
        case TrustKind.ORPHANED if state.trust and arn in state.missing_arns:
            dead = ", ".join(sorted(state.trust.dead_ids))
            return PairState.ORPHANED, f"it trusts {dead}, the id of a role or user that was deleted", Advice.TIGHTEN
    if state.trust and arn in state.trust.principals:
        return (PairState.CHANGED, state.detail, Advice.UP) if state.detail else (PairState.EXACT, "", Advice.NONE)
    return PairState.ABSENT, f"{named(arn)} is not trusted yet", Advice.UP


def _assumed_pair(arn: str, role: Role, observation: Observation, names: Mapping[str, str]) -> Pair:
    """Return the pair of a role that exists elsewhere and a role of the spec, which may assume it."""
    live = observation.trusted[role.key]
    return Pair(
        trusting=arn.rpartition("/")[2],
        trusting_account=names.get(account_of(arn), account_of(arn)),
        trusting_arn=arn,
        trusted=role.name,
        trusted_account=role.account.name,
        trusted_arn=role.arn,
        state=PairState.ELSEWHERE,
        words="its trust policy is its owner's, and is not read",
        trusted_exists=None if isinstance(live, Unreadable) else live is not None,
    )


def _pair(trusting: Role, trusted: Role, observation: Observation, now: datetime, unmanaged: Sequence[Role]) -> Pair:
    state, other = observation.trust_of(trusting), observation.trusted[trusted.key]
    kind, words, advice = _between(trusted, state, other, now)
    if state.role != trusting:
        words = f"its module created {wording.role_in_account(state.role)} instead; {words}"
        advice = Advice.DESTROY
    if unmanaged:
        kind, words, advice = _with_unmanaged(kind, words, unmanaged, by_hand=trusting in unmanaged)
    broad = state.trust if kind in (PairState.BROAD, PairState.EXPIRED) else None
    return Pair(
        trusting=trusting.name,
        trusting_account=trusting.account.name,
        trusting_arn=trusting.arn,
        trusted=trusted.name,
        trusted_account=trusted.account.name,
        trusted_arn=trusted.arn,
        state=kind,
        words=words,
        advice=advice,
        guarded=bool(broad.guard) if broad else None,
        until=broad.until if broad else None,
        trusted_exists=None if isinstance(other, Unreadable) else other is not None,
    )


def _with_unmanaged(
    kind: PairState, words: str, unmanaged: Sequence[Role], *, by_hand: bool
) -> tuple[PairState, str, Advice]:
    """Return state, words and advice of a pair with unmanaged roles. by_hand: whether the trusting role is one."""
    roles = " and ".join(map(wording.role_in_account, unmanaged))
    found = f"{roles} {'exist and are' if len(unmanaged) > 1 else 'exists and is'} not managed by this project"
    kept = (PairState.BROAD, PairState.EXPIRED, PairState.UNMANAGED, PairState.UNREADABLE, PairState.UNKNOWN)
    advice = Advice.PLAN
    if kind is PairState.BROAD:
        advice = Advice.BY_HAND if by_hand else Advice.CLOSE
    return kind if kind in kept else PairState.UNMANAGED, f"{found}; {words}" if words else found, advice


def _between(
    trusted: Role, state: TrustState, other: LiveRole | Unreadable | None, now: datetime
) -> tuple[PairState, str, Advice]:
    finish = Advice.UP if other is None else Advice.TIGHTEN
    match state.kind, state.trust:
        case TrustKind.ABSENT, _:
            return PairState.ABSENT, f"{wording.role_in_account(state.role)} does not exist", Advice.UP
        case TrustKind.FOUND, _:
            return PairState.ABSENT, f"{wording.role_in_account(trusted)} is not trusted yet", Advice.UP
        case TrustKind.UNREADABLE, _:
            return PairState.UNREADABLE, state.detail, Advice.NONE
        case TrustKind.UNSEEN, _:
            return PairState.UNKNOWN, state.detail, Advice.NONE
        case TrustKind.BROAD, Trust() as trust if _trusts_account(trust, trusted):
            kind = PairState.EXPIRED if trust.expired(now) else PairState.BROAD
            guard = "guarded" if trust.guard else "without a guard"
            changed = f"; the spec has changed: {state.detail}" if state.detail else ""
            return kind, f"{guard}: {wording.trusted(trust)}{changed}", Advice.UP if changed else finish
        case TrustKind.EXACT | TrustKind.ORPHANED, Trust() as trust:
            return _exact(trusted, state, trust, other, finish)
        case TrustKind.BROAD, _:
            return PairState.ABSENT, f"{wording.role_in_account(trusted)} is not trusted yet", finish
        case _:
            advice = Advice.STATEMENTS if state.role.existing else Advice.OVERWRITE
            return PairState.UNMANAGED, state.detail, advice


def _exact(
    trusted: Role, state: TrustState, trust: Trust, other: LiveRole | Unreadable | None, finish: Advice
) -> tuple[PairState, str, Advice]:
    missing = trusted in state.missing
    if missing and state.kind is TrustKind.ORPHANED:
        dead = ", ".join(sorted(trust.dead_ids))
        role = wording.role_in_account(trusted)
        unsure = f"; whether {role} exists is not known" if isinstance(other, Unreadable) else ""
        return PairState.ORPHANED, f"it trusts {dead}, the id of a role that was deleted{unsure}", finish
    if missing:
        return PairState.ABSENT, f"{wording.role_in_account(trusted)} is not trusted yet", finish
    if other is None:
        return PairState.ORPHANED, f"it trusts {wording.role_in_account(trusted)}, which does not exist", Advice.UP
    if state.detail:
        return PairState.CHANGED, state.detail, Advice.UP
    return PairState.EXACT, "", Advice.NONE


def _trusts_account(trust: Trust, trusted: Role) -> bool:
    return trusted.account.root_arn in trust.principals and (not trust.guard or trusted.arn in trust.guard)
