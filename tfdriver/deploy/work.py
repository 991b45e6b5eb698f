"""Decides which compositions each phase of `up` applies. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tfdriver.aws.observe import Observation
from tfdriver.iam.trust_state import Phase, TrustKind, TrustState
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Role, Spec

Names = frozenset[str]
Earlier = Mapping[str, tuple[Role, ...]]


@dataclass(frozen=True)
class PhaseOne:
    """The compositions with absent trusting roles. open: phase 1 creates them; deferred: phase 3 does, in this order.

    earlier: the roles that another composition of `open` creates first, so that one that trusts them is not broad, by
    its name. waiting: see `waiting_roles`.
    """

    open: tuple[Composition, ...] = ()
    deferred: tuple[Composition, ...] = ()
    earlier: Earlier = field(default_factory=dict)
    waiting: Names = frozenset()

    def in_phase(self, phase: Phase | None) -> PhaseOne:
        """Return the same for a run of one phase, None for all. After phase 1, phase 3 creates what is still absent."""
        if phase in (None, Phase.BROAD):
            return self
        return replace(self, open=(), deferred=(*self.open, *self.deferred))


@dataclass(frozen=True)
class Work:
    """The compositions to apply in each phase.

    deferred: names of those that phase 3 creates, in all shards; broad: names of those that phase 1 gives a broad
    trust; only_new: whether phase 3 only creates the deferred ones; earlier: see `PhaseOne`; after: the compositions of
    phase 3 that must be applied before another one of phase 3, by its name, without circles; waiting: see
    `waiting_roles`; late: names of those of phase 3 that trust an absent role of another shard.
    """

    open: tuple[Composition, ...]
    connect: tuple[Composition, ...]
    tighten: tuple[Composition, ...]
    deferred: Names = frozenset()
    broad: Names = frozenset()
    only_new: bool = False
    earlier: Earlier = field(default_factory=dict)
    after: Mapping[str, Names] = field(default_factory=dict)
    waiting: Names = frozenset()
    late: Names = frozenset()


def related(
    compositions: Iterable[Composition], known: Collection[Composition], observation: Observation
) -> tuple[Composition, ...]:
    """Return the compositions whose roles must be read, too, to decide what the phases do with the `known` ones.

    Those that trust a role of a `known` trusted composition, and those that have or trust an absent role which a
    `known` one trusts: of these, phase 1 creates one. observation: the roles of the `known` ones, and those that they
    trust.
    """
    names = {composition.name for composition in known}
    absent = {key for key, live in observation.trusted.items() if live is None}
    trusted = absent | {role.key for c in known if c.side is Side.TRUSTED for role in c.roles}
    return tuple(
        c
        for c in compositions
        if c.name not in names and any(r.key in absent or not trusted.isdisjoint(r.trusts) for r in c.roles)
    )


def _read(compositions: Iterable[Composition], observation: Observation) -> tuple[Composition, ...]:
    """Return the compositions whose roles were all read; a shard needs not read those of all others."""
    keys = {Side.TRUSTING: observation.states.keys(), Side.TRUSTED: observation.trusted.keys()}
    return tuple(c for c in compositions if all(role.key in keys[c.side] for role in c.roles))


def phase_one(spec: Spec, compositions: Iterable[Composition], observation: Observation) -> PhaseOne:
    """Choose the compositions that phase 1 creates.

    A composition whose new roles trust only existing roles starts exact. One whose trusted roles all exist once phase 3
    creates it is deferred. If neither is left, one is opened, the canary: what it trusts can then be created. A role in
    AWS with a broad trust in an absent role is a canary, too. A role in an account that the run does not cover counts
    as existing if an `outputs.json` lists it. Else it may be created much later, so every composition whose new roles
    trust only such roles is opened.
    """
    compositions = tuple(compositions)
    pending = _pending(spec, _read(compositions, observation), observation)
    owner = {role.key: name for name, new in pending.items() for role in new.composition.roles}
    depends = dependencies(c for c in compositions if c.side is Side.TRUSTING)
    canaries = sorted(pending, key=lambda name: len(_reachable(name, depends)))
    # What exists when phase 3 begins. Phase 2 creates the roles that trust none, if a role that trusts them exists.
    coming = {role.key for role in spec.trusting} | {
        key
        for state in (*observation.states.values(), *observation.others)
        if state.live is not None and state.kind is not TrustKind.UNMANAGED
        for key in state.role.trusts
    }
    opened: dict[str, Composition] = {}  # by role key
    deferred: list[Composition] = []
    earlier: dict[str, tuple[Role, ...]] = {}

    def exist(new: _New) -> bool:
        # What only existing roles trust is created in phase 2 or before: they need no canary.
        return new.needs_now <= coming - observation.unseen and not any(owner.get(key) in pending for key in new.needs)

    while pending:
        name = next((n for n, new in pending.items() if not new.needs_now or exist(new)), "")
        if name and pending[name].needs_now:
            deferred.append(pending.pop(name).composition)
            continue
        left = [n for n in canaries if n in pending]
        name = name or next((n for n in left if pending[n].is_exact(opened)), left[0])
        new = pending.pop(name)
        if before := sorted(new.awaited & opened.keys()):
            earlier[name] = tuple(spec.roles[key] for key in before)
        opened |= {role.key: new.composition for role in new.composition.roles}
        coming |= new.needs_now
    waiting = waiting_roles(spec, observation)
    return PhaseOne(tuple({c.name: c for c in opened.values()}.values()), tuple(deferred), earlier, waiting)


def waiting_roles(spec: Spec, observation: Observation) -> Names:
    """Return the keys of the trusting roles that keep their trust policy until `tighten`.

    IAM accepts only existing roles as principals, and a role that they trust but do not name yet is in an account that
    the run does not cover, and not in its `outputs.json`.
    """

    def named(state: TrustState) -> Names:
        if state.kind is not TrustKind.EXACT:
            return frozenset()
        return frozenset(state.role.trusts) - {role.key for role in state.missing}

    return frozenset(
        role.key
        for role in spec.trusting
        if (state := observation.states.get(role.key)) is not None
        and state.kind is not TrustKind.UNSEEN
        and (set(role.trusts) & observation.unseen) - named(state)
    )


@dataclass(frozen=True)
class _New:
    """A composition with absent roles. trusts: the keys that each of them trusts.

    needs: the absent roles that its roles trust; needs_now: those that its absent roles trust.
    """

    composition: Composition
    trusts: tuple[Names, ...]
    needs: Names
    needs_now: Names

    @property
    def awaited(self) -> Names:
        """The roles of which one must exist for each absent role that would be broad without it."""
        return frozenset().union(*(keys for keys in self.trusts if keys <= self.needs_now))

    def is_exact(self, opened: Collection[str]) -> bool:
        """Whether each absent role trusts one that exists, or that has been opened."""
        return not any(keys and keys <= self.needs_now and keys.isdisjoint(opened) for keys in self.trusts)


def _pending(spec: Spec, compositions: Iterable[Composition], observation: Observation) -> dict[str, _New]:
    """Return the compositions with absent trusting roles, by name."""

    def missing(roles: Iterable[Role]) -> Names:
        return frozenset(r.key for role in roles for r in spec.trusted_by(role) if r.arn not in observation.existing())

    found = {}
    for composition in (c for c in compositions if c.side is Side.TRUSTING):
        new = [role for role in composition.roles if observation.states[role.key].kind is TrustKind.ABSENT]
        if new:
            trusts = tuple(frozenset(role.trusts) for role in new)
            found[composition.name] = _New(composition, trusts, missing(composition.roles), missing(new))
    return found


def _reachable(name: str, depends: Mapping[str, Names]) -> set[str]:
    """Return the trusting compositions that must exist before one can be exact, itself included.

    The one with the fewest depends on phase 2 only, or is in a circle on which the others depend: a good canary. The
    number does not depend on what exists, so that shards that run one after another choose the same canaries.
    """
    found, queue = {name}, [name]
    while queue:
        more = depends[queue.pop()] - found
        found |= more
        queue += more
    return found


def plan_work(
    spec: Spec,
    compositions: Iterable[Composition],
    observation: Observation,
    unchanged: Collection[str] = (),
    *,
    tighten: bool = True,
    phase: Phase | None = None,
) -> Work:
    """Return what to apply.

    unchanged: names of the compositions whose plan changes nothing, or that are not planned; they are applied only if
    another one on which they depend is applied, or if a trust is not exact yet. tighten: whether to apply phase 3, or
    only to create the deferred compositions; phase: see `PhaseOne.in_phase`.
    """
    compositions = _read(compositions, observation)
    first = phase_one(spec, compositions, observation).in_phase(phase)
    depends = dependencies(compositions)
    needed = {name for c in first.open for name in depends[c.name]}
    connect = [c for c in compositions if c.side is Side.TRUSTED and (c.name not in unchanged or c.name in needed)]
    trusting = [c for c in compositions if c.side is Side.TRUSTING]
    opened, new = {c.name for c in first.open}, {c.name for c in first.deferred}
    changed = {c.name for c in trusting if c.name not in unchanged}
    applied = {c.name for c in connect} | changed

    def is_done(composition: Composition) -> bool:
        settled = all(observation.states[r.key].settled or r.key in first.waiting for r in composition.roles)
        return settled and composition.name in unchanged and not depends[composition.name] & applied

    # Phase 3 has nothing to do for these after phase 1.
    broad_for_long = {c.name for c in first.open if all(role.key in first.waiting for role in c.roles)}
    todo = [c for c in trusting if tighten and c.name not in new | broad_for_long and not is_done(c)]
    todo += first.deferred
    later = {c.name for c in todo} & (changed - opened | new)
    return Work(
        open=first.open,
        connect=tuple(connect),
        tighten=tuple(todo),
        deferred=frozenset(new),
        broad=frozenset(c.name for c in first.open if _starts_broad(spec, c, observation, first)),
        only_new=not tighten,
        earlier=first.earlier,
        after=without_circles({c.name: depends[c.name] & later for c in todo}, _creators(spec, todo, new, observation)),
        waiting=first.waiting,
    )


def _creators(
    spec: Spec, todo: Iterable[Composition], new: Collection[str], observation: Observation
) -> dict[str, Names]:
    """Return the names of the compositions among `new` that create the absent roles which each one trusts."""
    todo = tuple(todo)
    creator = {role.key: c.name for c in todo if c.name in new for role in c.roles}
    existing = observation.existing()
    return {
        c.name: frozenset(
            creator[trusted.key]
            for role in c.roles
            for trusted in spec.trusted_by(role)
            if trusted.key in creator and trusted.arn not in existing
        )
        - {c.name}
        for c in todo
    }


def _starts_broad(spec: Spec, composition: Composition, observation: Observation, first: PhaseOne) -> bool:
    earlier = first.earlier.get(composition.name, ())
    return any(starts_broad(spec, role, observation, earlier) for role in composition.roles)


def in_share(work: Work, phase: Phase | None, own: Iterable[Composition], observation: Observation) -> Work:
    """Return the part of the work that a run does. phase: the only one that it runs, None for all.

    own: the compositions of its shard; observation: the roles in AWS.
    """
    of_role = {role.key: c.name for c in own for role in c.roles}
    names = frozenset(of_role.values())
    absent = {key for key, live in observation.trusted.items() if live is None}

    def part(of: Phase, compositions: Iterable[Composition]) -> tuple[Composition, ...]:
        return tuple(c for c in compositions if c.name in names and phase in (None, of))

    tighten = part(Phase.TIGHTEN, work.tighten)
    elsewhere = absent - of_role.keys()
    return replace(
        work,
        open=part(Phase.BROAD, work.open),
        connect=part(Phase.CONNECT, work.connect),
        tighten=tighten,
        after={c.name: work.after[c.name] & {other.name for other in tighten} for c in tighten},
        late=frozenset(c.name for c in tighten if any(elsewhere & set(role.trusts) for role in c.roles)),
    )


def without_failed(work: Work, failed: Collection[str]) -> Work:
    """Return what is left to apply after compositions failed in phase 1: what does not depend on them.

    failed: their names. A trusted composition depends on the trusting ones that phase 1 creates.
    """
    depends = dependencies([*work.open, *work.connect, *work.tighten])
    connected = {c.name for c in work.connect}
    blocked = {*failed} | {name for composition in failed for name in depends[composition] & connected}
    while more := {c.name for c in work.tighten if c.name not in blocked and depends[c.name] & blocked}:
        blocked |= more
    left = tuple(c for c in work.tighten if c.name not in blocked)
    return replace(
        work,
        connect=tuple(c for c in work.connect if c.name not in blocked),
        tighten=left,
        after={c.name: work.after[c.name] - blocked for c in left},
    )


def starts_broad(spec: Spec, role: Role, observation: Observation, earlier: Iterable[Role] = ()) -> bool:
    """Whether phase 1, if it creates this role, gives it a broad trust: it trusts roles of the spec, and none exists.

    earlier: the roles that phase 1 creates before.
    """
    existing = observation.existing() | {role.arn for role in earlier}
    absent = observation.states[role.key].kind is TrustKind.ABSENT
    wanted = spec.trusted_by(role)
    return absent and bool(wanted) and not any(trusted.arn in existing for trusted in wanted)


def dependencies(compositions: Iterable[Composition]) -> Mapping[str, Names]:
    """Return the names of the other compositions whose roles each composition trusts, by its name."""
    compositions = tuple(compositions)
    of_role = {role.key: c.name for c in compositions for role in c.roles}
    return {
        c.name: frozenset(of_role[key] for role in c.roles for key in role.trusts if key in of_role) - {c.name}
        for c in compositions
    }


def without_circles(depends: Mapping[str, Names], kept: Mapping[str, Names] = MappingProxyType({})) -> dict[str, Names]:
    """Return dependencies between names without those that close a circle.

    kept: those that must be kept, which have no circle.
    """
    left, found = dict(depends), dict[str, Names]()
    while left:
        free = (name for name, names in left.items() if not names & left.keys())
        nearly = (name for name in left if not kept.get(name, frozenset()) & left.keys())
        name = next(free, None) or next(nearly, None) or next(iter(left))
        found[name] = left.pop(name) & found.keys()
    return found
