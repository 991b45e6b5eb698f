"""Asks AWS what is there now. Belief in anything else (states, outputs, files) is not needed and not had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tfdriver.concurrency import side_by_side
from tfdriver.iam.trust_state import LiveRole, TrustKind, TrustState, Unreadable, classify
from tfdriver.spec.model import Account, Role, Spec


class RoleReader(Protocol):
    """What observing needs of AWS; `aws.Aws` is one."""

    def look(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        """Return a role as it is now, None if there is none."""


@dataclass(frozen=True)
class Observation:
    """What AWS shows. states: by key of each trusting role; trusted: what was seen of each trusted role, by key.

    others: trusting roles that exist under another name than the spec's, with whom they trust; see `observe`.
    """

    states: Mapping[str, TrustState]
    trusted: Mapping[str, LiveRole | Unreadable | None]
    others: tuple[TrustState, ...] = ()

    def trust_of(self, role: Role) -> TrustState:
        """The trust of a trusting role of the spec; where only one under another name exists and is broad, of that."""
        state = self.states[role.key]
        other = next((o for o in self.trusts if o.role.key == role.key and o.role != role), None)
        return other if other is not None and state.kind is TrustKind.ABSENT else state

    @property
    def trusts(self) -> tuple[TrustState, ...]:
        """The trusts of all trusting roles; of those under other names, the ones that tfdriver writes in phase 1."""
        return (*self.states.values(), *(other for other in self.others if other.kind is TrustKind.BROAD))

    def existing(self) -> frozenset[str]:
        """The ARNs of the trusted roles that exist."""
        return frozenset(role.arn for role in self.trusted.values() if isinstance(role, LiveRole))


def observe(spec: Spec, aws: RoleReader, also: Iterable[Role] = ()) -> Observation:
    """Ask for every role of the spec, side by side.

    also: trusting roles under other names that they are known to have; those that exist become `others`.
    """
    roles, more = [*spec.trusting, *spec.trusted], list(also)
    # Look again before believing that a role is absent: only an absent role may start broad, and IAM may lag.
    found = side_by_side(lambda r: aws.look(r.account, r.name) or aws.look(r.account, r.name), [*roles, *more])
    seen = dict(zip([r.key for r in roles], found, strict=False))
    trusted = {role.key: seen[role.key] for role in spec.trusted}
    states = {role.key: _state(spec, role, seen[role.key], trusted) for role in spec.trusting}
    others = (_state(spec, r, look, trusted) for r, look in zip(more, found[len(roles) :], strict=True) if look)
    return Observation(states, trusted, tuple(others))


def _state(
    spec: Spec,
    role: Role,
    seen: LiveRole | Unreadable | None,
    trusted: Mapping[str, LiveRole | Unreadable | None],
) -> TrustState:
    wanted = spec.trusted_by(role)
    ids = {found.arn: found.role_id for r in wanted if isinstance(found := trusted[r.key], LiveRole)}
    return classify(role, wanted, seen, ids)
