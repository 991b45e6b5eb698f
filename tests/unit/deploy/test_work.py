"""Which compositions each phase applies."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.builders import B, role, spec
from tfdriver.aws.observe import Observation, observe
from tfdriver.deploy.work import Work, phase_one, plan_work, starts_broad, without_circles, without_failed
from tfdriver.iam import trust
from tfdriver.iam.trust_state import LiveRole, RecordedRole, TrustKind, Unseen
from tfdriver.spec.compositions import Composition, compositions
from tfdriver.spec.model import Account, Role, Spec

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TRUSTING = [Account(f"a{n}", f"1{n:011d}", f"a{n}", "us-west-2", "aws") for n in range(5)]
TRUSTED = [Account(f"b{n}", f"2{n:011d}", f"b{n}", "us-west-2", "aws") for n in range(3)]


class FakeIam:
    """An AWS with the roles whose keys it gets: trusting ones are exact, or broad if `broad` has their key."""

    def __init__(self, project: Spec, existing: set[str], broad: set[str] = frozenset()) -> None:
        self._roles = {(r.account.name, r.name): r for r in project.roles.values() if r.key in existing}
        self._project = project
        self._broad = broad

    def read_role(self, account: Account, name: str) -> LiveRole | None:
        found = self._roles.get((account.name, name))
        if found is None:
            return None
        wanted = self._project.trusted_by(found)
        policy = trust.broad(found, wanted, NOW) if found.key in self._broad else trust.exact(wanted)
        return LiveRole(found.arn, f"AROA{found.key}", trust.document(policy) if wanted else {}, {})


def fan(count: int) -> Spec:
    """One trusted role and `count` trusting accounts."""
    return spec(*(role(f"foo{n}", TRUSTING[n], trusts=("bar",)) for n in range(count)), role("bar", B))


def names(found: tuple[Composition, ...]) -> list[str]:
    return [composition.name for composition in found]


def test_of_many_trusting_compositions_phase_1_creates_the_first():
    project = fan(4)

    found = phase_one(project, compositions(project), observe(project, FakeIam(project, set())))

    assert (names(found.open), names(found.deferred)) == (["a0"], ["a1", "a2", "a3"])


class OneSideOfIam(FakeIam):
    """The same, which returns nothing of account B: the run does not cover it."""

    def read_role(self, account: Account, name: str) -> LiveRole | Unseen | None:
        return Unseen(f"{account.name} is not selected") if account == B else super().read_role(account, name)


def test_without_the_trusted_side_phase_1_opens_every_composition_and_phase_3_waits():
    project = fan(3)
    seen = observe(project, OneSideOfIam(project, set()))

    work = plan_work(project, compositions(project)[:3], seen)

    assert (names(work.open), names(work.connect), names(work.tighten)) == (["a0", "a1", "a2"], [], [])
    assert (work.broad, work.waiting) == ({"a0", "a1", "a2"}, {"foo0", "foo1", "foo2"})


class OneSideWithOutputs(OneSideOfIam):
    """The same; the `outputs.json` of account B lists its roles."""

    def read_role(self, account: Account, name: str) -> LiveRole | Unseen | None:
        recorded = RecordedRole(f"arn:aws:iam::{B.id}:role/{name}", "AROABAR", NOW, "arn:aws:iam::222222222222:user/x")
        return Unseen("account_b is not selected", "f", recorded) if account == B else super().read_role(account, name)


def test_a_trusted_role_in_an_outputs_json_is_trusted_exactly_at_once_and_nothing_waits():
    project = fan(3)
    seen = observe(project, OneSideWithOutputs(project, {"foo2"}, {"foo2"}))

    work = plan_work(project, compositions(project)[:3], seen)

    assert (names(work.open), work.broad, work.waiting) == (["a0", "a1"], set(), set())
    assert "a2" in names(work.tighten)


def test_without_the_trusted_side_an_existing_trust_is_kept_and_other_changes_are_applied():
    project = fan(3)
    seen = observe(project, OneSideOfIam(project, {"foo0", "foo1", "foo2"}, {"foo0", "foo1"}))

    work = plan_work(project, compositions(project)[:3], seen, unchanged={"a0", "a2"})

    assert (names(work.open), names(work.tighten), work.waiting) == ([], ["a1"], {"foo0", "foo1"})


def test_if_the_trusted_role_exists_phase_1_creates_all_of_them_exact():
    project = fan(3)
    seen = observe(project, FakeIam(project, {"bar"}))

    found = phase_one(project, compositions(project), seen)

    assert (names(found.open), names(found.deferred)) == (["a0", "a1", "a2"], [])
    assert not plan_work(project, compositions(project), seen).broad


def test_a_broad_trust_in_aws_is_the_canary_of_a_resumed_run():
    project = fan(3)
    seen = observe(project, FakeIam(project, {"foo1"}, broad={"foo1"}))

    found = plan_work(project, compositions(project), seen)

    assert (names(found.open), names(found.tighten)) == ([], ["a1", "a0", "a2"])
    assert found.deferred == {"a0", "a2"}


def test_a_deleted_role_needs_no_new_canary_while_a_role_that_trusts_it_exists():
    project = fan(2)
    seen = observe(project, FakeIam(project, {"foo1"}))

    found = phase_one(project, compositions(project), seen)

    assert (names(found.open), names(found.deferred)) == ([], ["a0"])


def test_each_absent_trusted_role_has_its_own_canary():
    project = spec(
        role("foo0", TRUSTING[0], trusts=("bar0",)),
        role("foo1", TRUSTING[1], trusts=("bar1",)),
        role("foo2", TRUSTING[2], trusts=("bar0", "bar1")),
        role("bar0", TRUSTED[0]),
        role("bar1", TRUSTED[1]),
    )

    found = phase_one(project, compositions(project), observe(project, FakeIam(project, set())))

    assert (names(found.open), names(found.deferred)) == (["a0", "a1"], ["a2"])


def test_without_tighten_phase_3_only_creates_the_deferred_compositions():
    project = fan(3)
    seen = observe(project, FakeIam(project, set()))

    found = plan_work(project, compositions(project), seen, tighten=False)

    assert (names(found.open), names(found.tighten), found.only_new) == (["a0"], ["a1", "a2"], True)


def test_compositions_without_changes_are_not_applied():
    project = fan(2)
    seen = observe(project, FakeIam(project, {"foo0", "foo1", "bar"}))

    found = plan_work(project, compositions(project), seen, {"a0", "a1", "account_b"})

    assert (found.open, found.connect, found.tighten) == ((), (), ())


def test_what_depends_on_an_applied_composition_is_applied():
    project = fan(2)
    seen = observe(project, FakeIam(project, {"foo0", "foo1", "bar"}))

    found = plan_work(project, compositions(project), seen, {"a0", "a1"})

    assert (names(found.connect), names(found.tighten)) == (["account_b"], ["a0", "a1"])


def test_a_composition_without_changes_is_applied_after_phase_1():
    project = fan(2)
    seen = observe(project, FakeIam(project, {"foo0", "bar"}))

    found = plan_work(project, compositions(project), seen, {"a0", "account_b"})

    assert (names(found.open), names(found.connect), names(found.tighten)) == (["a1"], ["account_b"], ["a0", "a1"])


def test_a_trust_that_is_not_exact_is_tightened_although_its_plan_changes_nothing():
    project = fan(1)
    seen = observe(project, FakeIam(project, {"foo0", "bar"}, broad={"foo0"}))

    assert names(plan_work(project, compositions(project), seen, {"a0", "account_b"}).tighten) == ["a0"]


def test_what_depends_on_a_composition_that_failed_in_phase_1_is_not_applied():
    project = spec(
        role("foo0", TRUSTING[0], trusts=("bar0",)),
        role("foo1", TRUSTING[1], trusts=("bar1",)),
        role("foo2", TRUSTING[2], trusts=("bar0",)),
        role("foo3", TRUSTING[3], trusts=("bar1",)),
        role("bar0", TRUSTED[0]),
        role("bar1", TRUSTED[1]),
    )
    work = plan_work(project, compositions(project), observe(project, FakeIam(project, set())))

    left = without_failed(work, {"a0"})

    assert (names(left.connect), names(left.tighten)) == (["b1"], ["a1", "a3"])


def mutual(*more: Role) -> Spec:
    """Two roles in two accounts that trust each other."""
    return spec(role("foo", TRUSTING[0], trusts=("bar",)), role("bar", TRUSTING[1], trusts=("foo",)), *more)


def test_of_two_roles_that_trust_each_other_only_the_first_is_opened():
    project = mutual()

    work = plan_work(project, compositions(project), observe(project, FakeIam(project, set())))

    assert (names(work.open), names(work.connect), names(work.tighten)) == (["a0"], [], ["a0", "a1"])
    assert (work.deferred, work.broad) == ({"a1"}, {"a0"})
    assert work.after == {"a0": {"a1"}, "a1": set()}


def test_the_second_of_two_roles_that_trust_each_other_starts_exact_in_a_resumed_run():
    project = mutual()
    seen = observe(project, FakeIam(project, {"foo"}, broad={"foo"}))

    work = plan_work(project, compositions(project), seen)

    assert (names(work.open), names(work.tighten), work.broad) == (["a1"], ["a0", "a1"], set())


def test_in_a_chain_of_trusts_only_the_last_role_is_opened():
    project = spec(
        role("foo", TRUSTING[0], trusts=("mid",)),
        role("mid", TRUSTING[1], trusts=("end",)),
        role("end", TRUSTING[2], trusts=("bar",)),
        role("bar", TRUSTED[0]),
    )

    work = plan_work(project, compositions(project), observe(project, FakeIam(project, set())))

    assert (names(work.open), names(work.connect), names(work.tighten)) == (["a2"], ["b0"], ["a2", "a1", "a0"])
    assert work.after == {"a2": set(), "a1": set(), "a0": {"a1"}}


def test_a_second_canary_trusts_exactly_the_role_of_the_first():
    project = spec(
        role("foo", TRUSTING[0], trusts=("mid",)),
        role("mid", TRUSTING[1], trusts=("foo", "end")),
        role("end", TRUSTING[2], trusts=("mid",)),
    )
    seen = observe(project, FakeIam(project, set()))

    work = plan_work(project, compositions(project), seen)

    assert names(work.open) == ["a0", "a1"]
    assert {name: [r.key for r in roles] for name, roles in work.earlier.items()} == {"a1": ["foo"]}
    assert not starts_broad(project, project.roles["mid"], seen, work.earlier["a1"])
    assert work.after == {"a0": set(), "a1": {"a2"}, "a2": set()}


def test_what_trusts_a_changed_role_is_applied_after_it():
    project = mutual()
    seen = observe(project, FakeIam(project, {"foo", "bar"}))

    work = plan_work(project, compositions(project), seen, {"a0"})

    assert (names(work.tighten), work.after) == (["a0", "a1"], {"a0": {"a1"}, "a1": set()})
    assert plan_work(project, compositions(project), seen, {"a0", "a1"}).tighten == ()


def test_what_trusts_a_role_that_was_not_created_is_not_applied():
    project = mutual(role("third", TRUSTING[2], trusts=("bar",)))
    work = plan_work(project, compositions(project), observe(project, FakeIam(project, set())))

    left = without_failed(work, {"a0"})

    assert (left.tighten, left.after) == ((), {})


def test_a_circle_is_cut_where_nothing_is_created():
    circle = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("a"), "d": frozenset("a")}

    assert without_circles(circle) == {"a": set(), "c": {"a"}, "b": {"c"}, "d": {"a"}}
    kept = {"a": frozenset("b"), "c": frozenset("a")}
    assert without_circles(circle, kept) == {"b": set(), "a": {"b"}, "c": {"a"}, "d": {"a"}}


@st.composite
def projects(draw) -> tuple[Spec, Observation]:
    trusted = [role(f"bar{n}", account) for n, account in enumerate(TRUSTED)]
    trusting: list[Role] = []
    for number in range(draw(st.integers(1, 6))):
        keys = draw(st.sets(st.sampled_from([r.key for r in trusted]), min_size=1))
        account = draw(st.sampled_from(TRUSTING))
        trusting.append(role(f"foo{number}", account, trusts=tuple(sorted(keys))))
    used = {key for r in trusting for key in r.trusts}
    project = spec(*trusting, *(r for r in trusted if r.key in used))
    existing = draw(st.sets(st.sampled_from(list(project.roles))))
    broad = {key for key in draw(st.sets(st.sampled_from(list(project.roles)))) if key in existing}
    return project, observe(project, FakeIam(project, existing, broad))


@given(projects())
def test_every_new_role_is_created_once_and_each_absent_trusted_role_has_at_most_one_new_canary(found):
    project, seen = found
    all_of_them = compositions(project)

    work = plan_work(project, all_of_them, seen)

    absent = {key for key, state in seen.states.items() if state.kind is TrustKind.ABSENT}
    created = [r.key for c in all_of_them if c in work.open or c.name in work.deferred for r in c.roles]
    assert sorted(set(created) & absent) == sorted(absent)
    assert not set(names(work.open)) & work.deferred
    assert {c.name for c in all_of_them if c.name in work.deferred} <= set(names(work.tighten))
    covered = {k for s in seen.states.values() if s.live for k in s.role.trusts}
    for composition in work.open:
        broad = [r for r in composition.roles if starts_broad(project, r, seen)]
        missing = {
            t.key
            for r in composition.roles
            if r.key in absent
            for t in project.trusted_by(r)
            if t.arn not in seen.existing()
        }
        assert not broad or missing - covered, "it is opened for trusted roles that have a canary already"
        covered |= missing
    for composition in (c for c in all_of_them if c.name in work.deferred):
        wanted = [t for r in composition.roles if r.key in absent for t in project.trusted_by(r)]
        assert {t.key for t in wanted if t.arn not in seen.existing()} <= covered


@st.composite
def graphs(draw) -> tuple[Spec, Observation]:
    """Any trusts between up to 7 roles, some of which exist."""
    keys = [f"r{n}" for n in range(draw(st.integers(2, 7)))]
    roles = [
        role(
            key,
            draw(st.sampled_from(TRUSTING)),
            trusts=tuple(sorted(draw(st.sets(st.sampled_from([k for k in keys if k != key]), max_size=3)))),
        )
        for key in keys
    ]
    project = spec(*roles)
    existing = draw(st.sets(st.sampled_from(keys)))
    return project, observe(project, FakeIam(project, existing, draw(st.sets(st.sampled_from(keys))) & existing))


@given(graphs())
def test_iam_accepts_every_step_and_no_role_is_broad_that_can_be_exact(found):
    project, seen = found
    all_of_them = compositions(project)

    work = plan_work(project, all_of_them, seen)

    live = {r.key for r in project.roles.values() if r.arn in seen.existing()}
    live |= {key for key, state in seen.states.items() if state.kind is not TrustKind.ABSENT}
    for composition in work.open:
        earlier = work.earlier.get(composition.name, ())
        assert {r.key for r in earlier} <= live
        for own in composition.roles:
            trusted = {r.key for r in project.trusted_by(own)}
            assert starts_broad(project, own, seen, earlier) == (own.key not in live and not trusted & live)
        live |= {r.key for r in composition.roles}
    live |= {r.key for c in work.connect for r in c.roles}
    for composition in in_order(work):
        assert {r.key for own in composition.roles for r in project.trusted_by(own)} <= live
        live |= {r.key for r in composition.roles}
    assert live >= {r.key for c in all_of_them for r in c.roles}


def in_order(work: Work) -> list[Composition]:
    """The compositions of phase 3, each after those that it waits for."""
    left, done = list(work.tighten), list[Composition]()
    while left:
        ready = [c for c in left if work.after[c.name] <= set(names(tuple(done)))]
        assert ready, "the compositions wait for each other"
        done += ready
        left = [c for c in left if c not in ready]
    return done
