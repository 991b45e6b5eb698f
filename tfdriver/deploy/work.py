"""Decides which compositions each phase of `up` applies. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from tfdriver.aws.observe import Observation
from tfdriver.iam.trust_state import TrustKind
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Role, Spec


@dataclass(frozen=True)
class PhaseOne:
    """The compositions with absent trusting roles, in order. open: phase 1 creates them; deferred: phase 3 does."""

    open: tuple[Composition, ...] = ()
    deferred: tuple[Composition, ...] = ()


@dataclass(frozen=True)
class Work:
    """The compositions to apply in each phase.

    deferred: names of those that phase 3 creates; broad: whether phase 1 writes a broad trust; only_new: whether phase
    3 only creates the deferred ones.
    """

    open: tuple[Composition, ...]
    connect: tuple[Composition, ...]
    tighten: tuple[Composition, ...]
    deferred: frozenset[str] = frozenset()
    broad: bool = False
    only_new: bool = False


def phase_one(spec: Spec, compositions: Iterable[Composition], observation: Observation) -> PhaseOne:
    """Choose the compositions that phase 1 creates.

    A composition whose new roles trust only existing roles starts exact. Of the others, only the first one of each
    absent trusted role is created, the canary; none, if a role in AWS has a broad trust for that trusted role already.
    The rest can be created with an exact trust once the trusted roles exist, so phase 3 creates them.
    """
    existing = observation.existing()
    absent = {key for key, state in observation.states.items() if state.kind is TrustKind.ABSENT}
    opened = {
        key
        for state in (*observation.states.values(), *observation.others)
        if state.kind is TrustKind.BROAD
        for key in state.role.trusts
    }
    first, deferred = [], []
    for composition in compositions:
        new = [role for role in composition.roles if role.key in absent]
        missing = {r.key for role in new for r in spec.trusted_by(role) if r.arn not in existing}
        if new and (not missing or missing - opened):
            first.append(composition)
            opened |= missing
        elif new:
            deferred.append(composition)
    return PhaseOne(tuple(first), tuple(deferred))


def plan_work(
    spec: Spec,
    compositions: Iterable[Composition],
    observation: Observation,
    unchanged: Collection[str] = (),
    *,
    tighten: bool = True,
) -> Work:
    """Return what to apply.

    unchanged: names of the compositions whose plan changes nothing; they are applied only if another composition on
    which they depend is applied, or if a trust is not exact yet. tighten: whether to apply phase 3, or only to create
    the deferred compositions.
    """
    compositions = tuple(compositions)
    first = phase_one(spec, compositions, observation)
    depends = dependencies(compositions)
    needed = {name for c in first.open for name in depends[c.name]}
    connect = [c for c in compositions if c.side is Side.TRUSTED and (c.name not in unchanged or c.name in needed)]
    connected = {c.name for c in connect}

    def is_done(composition: Composition) -> bool:
        settled = all(observation.states[role.key].settled for role in composition.roles)
        return settled and composition.name in unchanged and not depends[composition.name] & connected

    todo = [c for c in compositions if c.side is Side.TRUSTING and not is_done(c)] if tighten else first.deferred
    new = {c.name for c in first.deferred}
    return Work(
        open=first.open,
        connect=tuple(connect),
        tighten=tuple(sorted(todo, key=lambda c: c.name in new)),
        deferred=frozenset(new),
        broad=any(starts_broad(spec, role, observation) for c in first.open for role in c.roles),
        only_new=not tighten,
    )


def without_failed(work: Work, failed: Collection[str]) -> Work:
    """Return what is left to apply after compositions failed in phase 1: what does not depend on them.

    failed: their names. A trusted composition depends on the trusting ones that phase 1 creates.
    """
    depends = dependencies([*work.open, *work.connect, *work.tighten])
    blocked = {name for composition in failed for name in depends[composition]}
    return replace(
        work,
        connect=tuple(c for c in work.connect if c.name not in blocked),
        tighten=tuple(c for c in work.tighten if c.name not in failed and not depends[c.name] & blocked),
    )


def starts_broad(spec: Spec, role: Role, observation: Observation) -> bool:
    """Whether phase 1, if it creates this role, gives it a broad trust: no role that it trusts exists."""
    absent = observation.states[role.key].kind is TrustKind.ABSENT
    return absent and not any(trusted.arn in observation.existing() for trusted in spec.trusted_by(role))


def dependencies(compositions: Iterable[Composition]) -> Mapping[str, frozenset[str]]:
    """Return the names of the trusted compositions whose roles each trusting composition names, by its name."""
    compositions = tuple(compositions)
    of_role = {role.key: c.name for c in compositions for role in c.roles}
    return {
        c.name: frozenset(of_role[key] for role in c.roles for key in role.trusts if key in of_role)
        for c in compositions
        if c.side is Side.TRUSTING
    }
