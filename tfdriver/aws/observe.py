"""Reads the roles of a spec from IAM. The trust to apply is decided from these only.

Terraform's state decides only whether a trust policy that the spec does not explain is this project's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

from tfdriver.concurrency import side_by_side
from tfdriver.iam.trust_state import LiveRole, RecordedRole, TrustKind, TrustState, Unreadable, Unseen, classify
from tfdriver.spec.model import Account, Role, Spec

# The trust policies in the states, by ARN and unique id of their roles.
AppliedTrusts = Mapping[tuple[str, str], str]


class RoleReader(Protocol):
    """Reads a role. Implemented by `client.Aws`."""

    def read_role(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        """Return a role, or None if it does not exist."""


@dataclass(frozen=True)
class Observation:
    """The roles of a spec in AWS. states: of the trusting roles, by key; trusted: the trusted roles, by key.

    others: the states of trusting roles that exist under another name than the spec's; see `observe`.
    """

    states: Mapping[str, TrustState]
    trusted: Mapping[str, LiveRole | Unreadable | None]
    others: tuple[TrustState, ...] = ()

    def trust_of(self, role: Role) -> TrustState:
        """The trust state of a trusting role. If it exists only under another name, and is broad, that role's."""
        state = self.states[role.key]
        other = next((o for o in self.trusts if o.role.key == role.key and o.role != role), None)
        return other if other is not None and state.kind is TrustKind.ABSENT else state

    @cached_property
    def trusts(self) -> tuple[TrustState, ...]:
        """The trust states of all trusting roles, and of those under other names that are broad."""
        return (*self.states.values(), *(other for other in self.others if other.kind is TrustKind.BROAD))

    @cached_property
    def unseen(self) -> frozenset[str]:
        """The keys of the trusted roles that were not read, because of their accounts, and that are not recorded."""
        return frozenset(k for k, role in self.trusted.items() if isinstance(role, Unseen) and not role.recorded)

    def existing(self) -> frozenset[str]:
        """The ARNs of the trusted roles that exist, or in accounts that the run does not cover, that are recorded."""
        return self._existing

    @cached_property
    def _existing(self) -> frozenset[str]:
        recorded = (role.recorded if isinstance(role, Unseen) else role for role in self.trusted.values())
        return frozenset(role.arn for role in recorded if isinstance(role, LiveRole | RecordedRole))


def observe(
    spec: Spec,
    aws: RoleReader,
    also: Iterable[Role] = (),
    trusting: Iterable[Role] | None = None,
    applied: AppliedTrusts = MappingProxyType({}),
    trusted: Iterable[Role] = (),
) -> Observation:
    """Read roles of the spec, in parallel.

    also: trusting roles under other names that they have had; those that exist become `others`. trusting: read only
    these trusting roles, the roles that they trust, and the roles of `trusted`; by default, all. applied: see
    `classify`, not for `also`: a module may create further roles.
    """
    trusting, trusted = (spec.trusting, spec.trusted) if trusting is None else _some(spec, trusting, trusted)
    roles, more = list({role.key: role for role in (*trusting, *trusted)}.values()), list(also)

    def read(role: Role) -> LiveRole | Unreadable | None:
        # Only an absent role may start broad, and IAM may lag: read an absent role twice.
        return aws.read_role(role.account, role.name) or aws.read_role(role.account, role.name)

    found = side_by_side(read, [*roles, *more])
    by_key = dict(zip([r.key for r in roles], found, strict=False))
    live_trusted = {role.key: by_key[role.key] for role in trusted}
    states = {role.key: _state(spec, role, by_key[role.key], live_trusted, applied) for role in trusting}
    others = (
        _state(spec, r, live, live_trusted, {}) for r, live in zip(more, found[len(roles) :], strict=True) if live
    )
    return Observation(states, live_trusted, tuple(others))


def _some(spec: Spec, trusting: Iterable[Role], trusted: Iterable[Role]) -> tuple[tuple[Role, ...], tuple[Role, ...]]:
    """Return some trusting roles, and the roles that they trust, with further trusted ones."""
    trusting = tuple(trusting)
    found = {role.key: role for role in (*(t for one in trusting for t in spec.trusted_by(one)), *trusted)}
    return trusting, tuple(found.values())


def _state(
    spec: Spec,
    role: Role,
    live: LiveRole | Unreadable | None,
    trusted: Mapping[str, LiveRole | Unreadable | None],
    applied: AppliedTrusts,
) -> TrustState:
    wanted = spec.trusted_by(role)
    ids = {found.arn: found.role_id for r in wanted if isinstance(found := trusted[r.key], LiveRole)}
    policy = applied.get((live.arn, live.role_id)) if isinstance(live, LiveRole) else None
    return classify(role, wanted, live, ids, policy)
