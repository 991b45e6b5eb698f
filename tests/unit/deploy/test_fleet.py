"""Shards and phases: what a fleet of runs does, each with its share of the compositions."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.builders import B, role, spec
from tests.unit.deploy.test_work import NOW, TRUSTED, TRUSTING, FakeIam, fan, graphs, in_order, names, projects
from tfdriver.aws.observe import Observation, observe
from tfdriver.deploy.preflight import refuse_early
from tfdriver.deploy.project_roles import ProjectRoles
from tfdriver.deploy.work import Work, in_share, phase_one, plan_work
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.iam.trust_state import LiveRole, Phase, exact_trust, opening_trust
from tfdriver.project.selection import Shard
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition, compositions
from tfdriver.spec.model import Account, Spec


class Reading(FakeIam):
    """The same, which keeps the keys of the roles that were read."""

    def __init__(self, project: Spec, existing: set[str], broad: set[str] = frozenset()) -> None:
        super().__init__(project, existing, broad)
        self.read: set[str] = set()

    def read_role(self, account: Account, name: str) -> LiveRole | None:
        self.read.add(name)
        return super().read_role(account, name)


class Live:
    """An IAM in which a fleet works. opened: the keys of the roles that were created with a broad trust."""

    def __init__(self, project: Spec, observation: Observation) -> None:
        self.project = project
        self.opened: set[str] = set()
        self._policies = {key: state.live.trust_policy for key, state in observation.states.items() if state.live}
        self._existing = {key for key, live in observation.trusted.items() if live} | self._policies.keys()

    def read_role(self, _account: Account, name: str) -> LiveRole | None:
        found = self.project.roles[name]
        policy = self._policies.get(name, {})
        return LiveRole(found.arn, f"AROA{name}", policy, {}) if name in self._existing else None

    def observe(self) -> Observation:
        return observe(self.project, self)

    def write(self, composition: Composition, policies: dict[str, dict]) -> None:
        for own in composition.roles:
            policy = policies.get(own.key, {})
            found = trust.read_trust(policy)
            if found and found.broad and own.key not in self._existing:
                self.opened.add(own.key)
            elif found and found.broad:
                assert policy == self._policies[own.key], "a trust was opened again"
            for trusted in self.project.trusted_by(own) if policy != self._policies.get(own.key) else ():
                assert found.broad or trusted.arn not in found.principals or trusted.key in self._existing
            self._policies[own.key] = policy
        self._existing |= {own.key for own in composition.roles}


def share(live: Live, shard: Shard | None, phase: Phase | None) -> Work:
    """What one run does now. Raises TfdriverError as `up` does."""
    project, workspace = live.project, Workspace(live.project, shard=shard)
    seen = ProjectRoles(workspace, live, lambda _: {}).observe_related()
    first = phase_one(project, workspace.of_all_shards, seen)
    if phase:
        refuse_early(phase, workspace.compositions, project, seen, first)
    own = {c.name for c in workspace.compositions}
    unchanged = {c.name for c in workspace.of_all_shards if c.name not in own or not is_new(c, seen)}
    work = plan_work(project, workspace.of_all_shards, seen, unchanged, phase=phase)
    return in_share(work, phase, workspace.compositions, seen)


def is_new(composition: Composition, seen: Observation) -> bool:
    live = {**seen.trusted, **{key: state.live for key, state in seen.states.items()}}
    return any(live.get(own.key) is None for own in composition.roles)


def steps(live: Live, work: Work) -> Iterator[bool]:
    """Apply what a run does, step by step. Yields False where it would wait for another shard in vain."""
    project = live.project
    for composition in work.open:
        seen = live.observe()
        earlier = {r.arn for r in work.earlier.get(composition.name, ())}
        if not earlier <= seen.existing():
            yield False
            return
        live.write(
            composition,
            {
                own.key: opening_trust(seen.states[own.key], project.trusted_by(own), seen.existing(), NOW)
                for own in composition.roles
            },
        )
        yield True
    for composition in work.connect:
        live.write(composition, {})
        yield True
    for composition in in_order(work):
        if {t.arn for own in composition.roles for t in project.trusted_by(own)} - live.observe().existing():
            yield False
            continue
        live.write(composition, {own.key: exact_trust(own, project.trusted_by(own)) for own in composition.roles})
        yield True


def run(live: Live, shard: Shard | None, phase: Phase | None) -> bool:
    """Run a shard. Return whether it has done its share."""
    started = start(live, shard, phase)
    return started is not None and all(list(started))


def start(live: Live, shard: Shard | None, phase: Phase | None) -> Iterator[bool] | None:
    """Let a shard decide what to do. Return its steps, None if it refuses to start."""
    try:
        return steps(live, share(live, shard, phase))
    except TfdriverError as error:
        assert error.code == "role_missing"
        return None


@st.composite
def fleets(draw):
    project, seen = draw(graphs() | projects())
    count = draw(st.integers(1, 5))
    shards = [Shard(index + 1, count) for index in range(count)]
    # Per phase: shards that start, go one step on, and are killed (they start again); then all of them, in some order.
    events = st.lists(st.tuples(st.sampled_from(shards), st.booleans()), max_size=8)
    return project, seen, [(draw(events), draw(st.permutations(shards))) for _ in Phase]


@settings(deadline=None, max_examples=25)
@given(fleets())
def test_a_fleet_ends_as_one_up_does_and_opens_no_other_trust(fleet):
    project, seen, orders = fleet
    alone, live = Live(project, seen), Live(project, seen)
    assert run(alone, None, None)

    for phase, (events, order) in zip(Phase, orders, strict=True):
        running: dict[Shard, Iterator[bool] | None] = {}
        for shard, starts in events:
            if starts:
                running[shard] = start(live, shard, phase)
            else:
                next(running.get(shard) or iter(()), None)
        for _ in range(len(compositions(project)) + 1):  # if a shard waits in vain for another one, all are run again
            done = [run(live, shard, phase) for shard in order]
            if all(done):
                break
        else:
            raise AssertionError(f"{phase} does not end")

    for found in (alone, live):
        states = found.observe().states.values()
        assert [s.role.key for s in states if not s.settled] == []
        assert None not in found.observe().trusted.values()
    assert live.opened <= alone.opened
    for phase in (None, *Phase):
        for shard in orders[0][1]:
            work = share(live, shard, phase)
            assert (work.open, work.connect, work.tighten) == ((), (), ())


def test_phase_1_is_the_same_for_a_shard_that_starts_once_the_first_role_exists():
    project = spec(
        role("r0", TRUSTING[1], trusts=("r3",)),
        role("r1", TRUSTING[0]),
        role("r2", TRUSTING[2], trusts=("r0", "r1")),
        role("r3", TRUSTING[0], trusts=("r0", "r1", "r2")),
    )

    at_first = phase_one(project, compositions(project), observe(project, FakeIam(project, set())))
    later = phase_one(project, compositions(project), observe(project, FakeIam(project, {"r0"}, {"r0"})))

    assert names(at_first.open) == ["a1", "a0_trusting"]
    assert names(later.open) == ["a0_trusting"]


@settings(deadline=None, max_examples=50)
@given(graphs() | projects(), st.integers(1, 5))
def test_a_shard_decides_as_one_that_reads_all_roles(found, count):
    project, seen = found
    live, every = Live(project, seen), compositions(project)
    whole = plan_work(project, every, seen)

    for index in range(count):
        workspace = Workspace(project, shard=Shard(index + 1, count))
        part = ProjectRoles(workspace, live, lambda _: {}).observe_related()
        own = {c.name for c in workspace.compositions}

        work = in_share(plan_work(project, every, part), None, workspace.compositions, part)

        expected = in_share(whole, None, workspace.compositions, seen)
        for field in ("open", "connect", "tighten"):
            assert names(getattr(work, field)) == names(getattr(expected, field)), field
        assert (work.broad & own, work.deferred & own) == (expected.broad & own, expected.deferred & own)
        assert {n: e for n, e in work.earlier.items() if n in own} == {
            n: e for n, e in expected.earlier.items() if n in own
        }


def shard_of(name: str, count: int = 3) -> Shard:
    return next(shard for index in range(count) if (shard := Shard(index + 1, count)).includes(name))


def observed(
    project: Spec, shard: Shard, existing: set[str], broad: set[str] = frozenset()
) -> tuple[set[str], Observation]:
    """The keys of the roles that a shard reads before it decides, and what it read."""
    iam = Reading(project, existing, broad)
    return iam.read, ProjectRoles(Workspace(project, shard=shard), iam, lambda _: {}).observe_related()


def test_a_shard_whose_trusted_roles_exist_reads_only_what_its_compositions_name():
    project = fan(5)
    shard = shard_of("a1", 50)

    read, _ = observed(project, shard, {"bar"})

    assert read == {"foo1", "bar"}


def test_a_shard_whose_trusted_role_is_absent_reads_all_roles_that_trust_it():
    project = spec(
        *(role(f"foo{n}", TRUSTING[n], trusts=("bar",)) for n in range(3)),
        role("bar", B),
        role("other", TRUSTING[4], trusts=("app",)),
        role("app", TRUSTED[0]),
    )

    read, seen = observed(project, shard_of("a1", 50), set())

    assert read == {"foo0", "foo1", "foo2", "bar"}
    assert names(phase_one(project, compositions(project), seen).open) == ["a0"]
