"""Each pair of a trusting and a trusted role: what the trust between them is now. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tfdriver import wording
from tfdriver.decide import Kind, LiveRole, TrustState, Unreadable
from tfdriver.observe import Observation
from tfdriver.spec.model import Role, Spec
from tfdriver.trust import Trust


class PairState(StrEnum):
    """What the trust between two roles is."""

    ABSENT = "absent"  # the trusting role does not exist, or does not let this one in yet
    BROAD = "broad"  # the trusted role's whole account is trusted
    EXPIRED = "expired"  # it was, until a deadline that has passed
    TIGHT = "tight"  # exactly this role is trusted
    ORPHANED = "orphaned"  # the trust names the unique id of a role that was deleted
    FOREIGN = "foreign"  # the trust policy is not one that tfdriver writes
    UNREADABLE = "unreadable"  # AWS did not say


@dataclass(frozen=True)
class Pair:
    """Two roles of the spec. words: the state as a sentence without a full stop; advice: what to do, or ''.

    guarded, until: of a broad or expired trust, else None; trusted_exists: None if that could not be seen.
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
        text = f"{self.trusting} ({self.trusting_account}) <- {self.trusted} ({self.trusted_account}): {self.state}"
        return text + (f", {self.words}" if self.words else "") + (f". {self.advice}" if self.advice else "")


_TIGHTEN = "Run `tfdriver tighten`"
_UP = "Run `tfdriver up`"
_FOREIGN = "Look at it with `aws iam get-role`; `tfdriver up --overwrite` makes it what the spec says"


def pairs(spec: Spec, seen: Observation, now: datetime) -> tuple[Pair, ...]:
    """Return every pair of the spec, in its order. now: aware, for deadlines."""
    return tuple(
        _pair(trusting, trusted, seen.states[trusting.key], seen.trusted, now)
        for trusting in spec.trusting
        for trusted in spec.trusted_by(trusting)
    )


def _pair(
    trusting: Role,
    trusted: Role,
    state: TrustState,
    others: Mapping[str, LiveRole | Unreadable | None],
    now: datetime,
) -> Pair:
    other = others[trusted.key]
    kind, words, advice = _between(trusted, state, other, now)
    broad = state.trust if kind in (PairState.BROAD, PairState.EXPIRED) else None
    return Pair(
        trusting.name,
        trusting.account.name,
        trusting.arn,
        trusted.name,
        trusted.account.name,
        trusted.arn,
        kind,
        words,
        advice,
        guarded=bool(broad.guard) if broad else None,
        until=broad.until if broad else None,
        trusted_exists=None if isinstance(other, Unreadable) else other is not None,
    )


def _between(
    trusted: Role, state: TrustState, other: LiveRole | Unreadable | None, now: datetime
) -> tuple[PairState, str, str]:
    finish = _UP if other is None else _TIGHTEN
    match state.kind, state.trust:
        case Kind.ABSENT, _:
            return PairState.ABSENT, f"there is no role {state.role.name}", _UP
        case Kind.UNREADABLE, _:
            return PairState.UNREADABLE, state.detail, ""
        case Kind.BROAD, Trust() as trust if _lets_in(trust, trusted):
            kind = PairState.EXPIRED if trust.expired(now) else PairState.BROAD
            guard = "guarded" if trust.guard else "without a guard"
            return kind, f"{guard}: {wording.trusted(trust)}", finish
        case Kind.EXACT | Kind.ORPHANED, Trust() as trust:
            return _exact(trusted, state, trust, other, finish)
        case Kind.BROAD, _:
            return PairState.ABSENT, f"{trusted.name} is not let in yet", finish
        case _:
            return PairState.FOREIGN, state.detail, _FOREIGN


def _exact(
    trusted: Role, state: TrustState, trust: Trust, other: LiveRole | Unreadable | None, finish: str
) -> tuple[PairState, str, str]:
    missing = trusted in state.missing
    if missing and state.kind is Kind.ORPHANED:
        dead = ", ".join(sorted(trust.dead_ids))
        unsure = f"; whether {trusted.name} exists could not be seen" if isinstance(other, Unreadable) else ""
        return PairState.ORPHANED, f"it trusts {dead}, the id of a role that was deleted{unsure}", finish
    if missing:
        return PairState.ABSENT, f"{trusted.name} is not let in yet", finish
    if other is None:
        return PairState.ORPHANED, f"it trusts {wording.short(trusted.arn)}, which does not exist", _UP
    return PairState.TIGHT, "", ""


def _lets_in(trust: Trust, trusted: Role) -> bool:
    return trusted.account.root_arn in trust.principals and (not trust.guard or trusted.arn in trust.guard)
