"""The states of a trust policy, and the trust policy of each phase: a trust is never widened."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.builders import BAR, FOO, B, role
from tfdriver.iam import trust, trust_state
from tfdriver.iam.trust_state import LiveRole, TrustKind, Unreadable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BAZ = role("baz", B)
ID = "AROABARBARBARBARBARB"
DEAD = "AROADEADDEADDEADDEAD"


def live(policy):
    return LiveRole(FOO.arn, "AROAFOO", policy, {})


def state_of(policy, *, role_=FOO, wanted=(BAR,), ids=None, applied=None):
    found = live(trust.document(policy)) if isinstance(policy, trust.Trust) else policy
    before = json.dumps(trust.document(applied) if isinstance(applied, trust.Trust) else applied) if applied else None
    return trust_state.classify(role_, wanted, found, {BAR.arn: ID} if ids is None else ids, before)


DENY = trust.canonical({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"})
TAGGED = frozenset({("StringEquals", "aws:PrincipalTag/team", '"a"')})
DENYING = replace(FOO, trust_statements=(json.loads(DENY),))
BROAD = trust.broad(FOO, [BAR], NOW)
EXACT = trust.exact([BAR])


@pytest.mark.parametrize(
    ("name", "state", "kind"),
    [
        ("no role", state_of(None), TrustKind.ABSENT),
        ("guarded", state_of(BROAD), TrustKind.BROAD),
        ("not guarded", state_of(trust.Trust(frozenset({B.root_arn}))), TrustKind.BROAD),
        ("expired", state_of(replace(BROAD, until=NOW - timedelta(hours=1))), TrustKind.BROAD),
        ("exact by ARN", state_of(EXACT), TrustKind.EXACT),
        ("exact by unique id", state_of(trust.Trust(frozenset({ID}))), TrustKind.EXACT),
        ("id of a deleted role", state_of(trust.Trust(frozenset({DEAD}))), TrustKind.ORPHANED),
        ("id of a deleted role, no new role", state_of(trust.Trust(frozenset({DEAD})), ids={}), TrustKind.ORPHANED),
        ("one existing, one deleted", state_of(trust.Trust(frozenset({BAR.arn, DEAD}))), TrustKind.ORPHANED),
        ("another role", state_of(trust.exact([BAZ])), TrustKind.UNMANAGED),
        ("another account", state_of(trust.Trust(frozenset({"arn:aws:iam::333333333333:root"}))), TrustKind.UNMANAGED),
        ("another guard", state_of(replace(BROAD, guard=frozenset({BAZ.arn}))), TrustKind.UNMANAGED),
        ("deadline, no guard", state_of(replace(BROAD, guard=frozenset())), TrustKind.UNMANAGED),
        ("exact with a deadline", state_of(replace(EXACT, until=NOW)), TrustKind.UNMANAGED),
        ("another external id", state_of(replace(EXACT, external_id="x1")), TrustKind.UNMANAGED),
        (
            "a condition",
            state_of(replace(EXACT, conditions=TAGGED)),
            TrustKind.UNMANAGED,
        ),
        ("session tags", state_of(replace(EXACT, actions=frozenset({"sts:TagSession"}))), TrustKind.UNMANAGED),
        ("a Deny", state_of(replace(EXACT, statements=frozenset({DENY}))), TrustKind.UNMANAGED),
        ("a Deny of the spec", state_of(replace(EXACT, statements=frozenset({DENY})), role_=DENYING), TrustKind.EXACT),
        ("no Deny of the spec", state_of(EXACT, role_=DENYING), TrustKind.UNMANAGED),
        ("a wildcard", state_of(live({"Statement": [{"Effect": "Allow", "Principal": "*"}]})), TrustKind.UNMANAGED),
        ("unreadable", state_of(Unreadable("no network")), TrustKind.UNREADABLE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_states(name, state, kind):
    assert state.kind is kind
    assert state.settled == (kind is TrustKind.EXACT)
    assert bool(state.detail) == (kind in (TrustKind.UNMANAGED, TrustKind.UNREADABLE))


BOTH = trust.exact([BAR, BAZ])
OTHER_ROOT = trust.Trust(frozenset({"arn:aws:iam::333333333333:root"}))


@pytest.mark.parametrize(
    ("name", "seen", "applied", "kind"),
    [
        ("a role taken out of trusts", BOTH, BOTH, TrustKind.EXACT),
        ("another external id", replace(EXACT, external_id="x1"), replace(EXACT, external_id="x1"), TrustKind.EXACT),
        ("only roles that the spec does not name", trust.exact([BAZ]), trust.exact([BAZ]), TrustKind.EXACT),
        ("taken out and deleted since", trust.Trust(frozenset({BAR.arn, DEAD})), BOTH, TrustKind.ORPHANED),
        (
            "another guard",
            replace(BROAD, guard=frozenset({BAZ.arn})),
            replace(BROAD, guard=frozenset({BAZ.arn})),
            TrustKind.BROAD,
        ),
        ("another account", OTHER_ROOT, OTHER_ROOT, TrustKind.BROAD),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trust_as_it_was_applied_is_not_unmanaged_after_an_edit_of_the_spec(name, seen, applied, kind):
    state = state_of(seen, applied=applied)

    assert state.kind is kind
    assert not state.settled
    if DEAD not in seen.principals:  # a deleted role gets in nowhere
        assert state_of(seen).kind is TrustKind.UNMANAGED
        assert state.detail


@pytest.mark.parametrize(
    ("name", "seen", "applied"),
    [
        ("one more role", BOTH, EXACT),
        ("one more role, one less", trust.exact([BAZ]), EXACT),
        ("another external id", replace(EXACT, external_id="x1"), replace(EXACT, external_id="x2")),
        ("no external id any more", replace(EXACT, external_id="x1"), EXACT),
        ("an account instead of a role", OTHER_ROOT, trust.Trust(frozenset({"arn:aws:iam::333333333333:role/eve"}))),
        ("no guard any more", replace(OTHER_ROOT, external_id=None), replace(OTHER_ROOT, guard=frozenset({BAR.arn}))),
        ("more unique ids than roles deleted", replace(BOTH, principals=BOTH.principals | {DEAD}), BOTH),
        (
            "a later deadline",
            replace(BROAD, guard=frozenset({BAZ.arn})),
            replace(BROAD, guard=frozenset({BAZ.arn}), until=NOW),
        ),
        ("no role in the state", BOTH, None),
        ("a policy in the state that tfdriver never writes", BOTH, {"Statement": []}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trust_that_neither_spec_nor_state_explains_is_unmanaged(name, seen, applied):
    state = state_of(seen, applied=applied)

    assert state.kind is TrustKind.UNMANAGED
    assert "it trusts " in state.detail or "its guard allows " in state.detail


def test_a_policy_that_tfdriver_never_writes_is_unmanaged_even_if_it_was_applied():
    wildcard = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}

    assert state_of(live(wildcard), applied=wildcard).kind is TrustKind.UNMANAGED


def test_the_difference_of_an_unmanaged_trust_says_who_may_assume_the_role():
    only_id = state_of(replace(EXACT, external_id="x1"))
    no_guard = state_of(replace(BROAD, guard=frozenset()))

    assert only_id.detail == (
        "it trusts role bar in account 222222222222, with conditions on sts:ExternalId; "
        "its external id is x1, the spec says none"
    )
    assert no_guard.detail == (
        "it trusts all of account 222222222222, with conditions on aws:CurrentTime; it has a deadline without a guard"
    )


def test_an_exact_trust_without_a_new_role_of_the_spec_is_not_settled():
    state = state_of(EXACT, wanted=(BAR, BAZ))
    assert (state.kind, state.missing, state.settled) == (TrustKind.EXACT, (BAZ,), False)


def test_an_expired_broad_trust_is_not_in_force():
    state = state_of(BROAD)
    assert state.open_at(NOW + timedelta(minutes=59))
    assert not state.open_at(NOW + timedelta(hours=1))


def allow(principal, **more):
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} | more


@pytest.mark.parametrize(
    ("statements", "is_open"),
    [
        (allow("*"), True),
        ([allow({"AWS": "*"})], True),
        ([allow({"AWS": [BAR.arn, B.root_arn]})], True),
        ([allow({"AWS": BAR.arn}), allow({"AWS": "333333333333"})], True),
        ([allow({"AWS": B.root_arn}, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})], True),
        ([{"Effect": "Allow", "NotPrincipal": {"AWS": BAR.arn}, "Action": "sts:AssumeRole"}], True),
        ([allow({"AWS": BAZ.arn}), allow({"AWS": BAR.arn})], False),
        ([allow({"Service": "lambda.amazonaws.com"})], False),
        ([allow({"AWS": "*"}, Effect="Deny"), allow({"AWS": BAR.arn})], False),
        ([], False),
    ],
    ids=str,
)
def test_whether_an_unmanaged_trust_is_open(statements, is_open):
    state = state_of(live({"Statement": statements}))
    assert state.kind is TrustKind.UNMANAGED
    assert state.open_at(NOW) == is_open


def test_a_new_role_starts_broad_only_if_no_trusted_role_exists():
    def opening_trust(wanted, existing):
        policy = trust_state.opening_trust(state_of(None), wanted, frozenset(existing), NOW)
        return trust.read_trust(policy)

    assert opening_trust([BAR], []) == BROAD
    assert opening_trust([BAR], [BAR.arn]) == EXACT
    assert opening_trust([BAR, BAZ], [BAZ.arn]) == trust.exact([BAZ])


def test_the_trust_of_phase_3_is_exactly_the_spec():
    assert trust.read_trust(trust_state.exact_trust(FOO, [BAR, BAZ])) == trust.exact([BAR, BAZ])


def allows(found: trust.Trust, caller: str, now: datetime) -> bool:
    """Return whether a trust allows a role, without the code under test."""
    account = f"arn:aws:iam::{caller.split(':')[4]}:root"
    named = caller in found.principals
    as_account = account in found.principals and (not found.guard or caller in found.guard)
    return (named or as_account) and (found.until is None or now < found.until)


callers = [BAR.arn, BAZ.arn, "arn:aws:iam::222222222222:role/intruder", "arn:aws:iam::333333333333:role/eve"]
wanted_roles = st.sampled_from([(BAR,), (BAZ,), (BAR, BAZ)])
trusts = st.one_of(
    wanted_roles.map(trust.exact),
    st.builds(trust.broad, st.sampled_from([FOO, replace(FOO, guard=False)]), wanted_roles, st.just(NOW)),
    st.sampled_from([trust.Trust(frozenset({DEAD})), trust.Trust(frozenset({ID})), trust.Trust(frozenset({"*"}))]),
)


@given(trusts, wanted_roles, st.sets(st.sampled_from([BAR.arn, BAZ.arn])), st.integers(0, 7200))
def test_the_trust_of_an_existing_role_is_never_widened(current, wanted, existing, seconds):
    now = NOW + timedelta(seconds=seconds)
    state = state_of(current, wanted=wanted)

    assert state.live is not None
    assert trust_state.opening_trust(state, wanted, frozenset(existing), now) == state.live.trust_policy
    after = trust.read_trust(trust_state.exact_trust(FOO, wanted))

    assert after is not None
    assert {c for c in callers if allows(after, c, now)} == {r.arn for r in wanted}
    assert not after.broad


@given(wanted_roles, st.sets(st.sampled_from([BAR.arn, BAZ.arn])), st.booleans())
def test_the_first_trust_of_a_new_role_allows_only_roles_of_the_spec_if_guarded(wanted, existing, guard):
    state = trust_state.classify(replace(FOO, guard=guard), wanted, None, {})

    first = trust.read_trust(trust_state.opening_trust(state, wanted, frozenset(existing), NOW))

    assert first is not None
    allowed = {c for c in callers if allows(first, c, NOW)}
    if guard or existing & {r.arn for r in wanted}:
        assert allowed <= {r.arn for r in wanted}
    assert not allows(first, "arn:aws:iam::333333333333:role/eve", NOW)


SERVICE = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
ROOT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "sts:AssumeRole"}
TRUSTS_BAR = {"Effect": "Allow", "Principal": {"AWS": BAR.arn}, "Action": "sts:AssumeRole"}
KEPT = replace(FOO, existing=True, trust_statements=(SERVICE, ROOT))
REORDERED = {"Action": ["sts:AssumeRole"], "Principal": {"AWS": ["arn:aws:iam::111111111111:root"]}, "Effect": "Allow"}


def kept_state(*statements, role_=KEPT, **more):
    return state_of(live({"Version": "2012-10-17", "Statement": list(statements)}), role_=role_, **more)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (kept_state(SERVICE, ROOT), TrustKind.FOUND),
        (kept_state(REORDERED, SERVICE), TrustKind.FOUND),
        (kept_state(SERVICE, ROOT, TRUSTS_BAR), TrustKind.EXACT),
        (kept_state(SERVICE, ROOT, TRUSTS_BAR | {"Principal": {"AWS": DEAD}}), TrustKind.ORPHANED),
        (kept_state(SERVICE), TrustKind.UNMANAGED),
        (kept_state(SERVICE, TRUSTS_BAR), TrustKind.UNMANAGED),
        (kept_state(SERVICE, ROOT, json.loads(DENY)), TrustKind.UNMANAGED),
        (kept_state(SERVICE, ROOT, TRUSTS_BAR, json.loads(DENY)), TrustKind.UNMANAGED),
        (kept_state(SERVICE, ROOT, TRUSTS_BAR, ROOT), TrustKind.UNMANAGED),
        (kept_state(SERVICE, ROOT, TRUSTS_BAR | {"Principal": {"AWS": BAZ.arn}}), TrustKind.UNMANAGED),
        (kept_state(TRUSTS_BAR, role_=replace(KEPT, trust_statements=(TRUSTS_BAR,))), TrustKind.FOUND),
        (kept_state(TRUSTS_BAR, TRUSTS_BAR, role_=replace(KEPT, trust_statements=(TRUSTS_BAR,))), TrustKind.EXACT),
    ],
)
def test_an_existing_role_has_its_own_statements_and_at_most_one_of_tfdriver(state, kind):
    assert state.kind is kind
    assert state.settled == (kind is TrustKind.EXACT)
    assert bool(state.detail) == (kind is TrustKind.UNMANAGED)


def test_an_existing_roles_own_broad_statement_is_not_an_open_trust():
    for state in (kept_state(SERVICE, ROOT), kept_state(SERVICE, ROOT, TRUSTS_BAR)):
        assert not state.open_at(NOW)


def test_an_existing_roles_trust_as_applied_is_not_unmanaged_after_the_spec_has_changed():
    other = replace(KEPT, external_id="other-1")
    policy = {"Version": "2012-10-17", "Statement": [TRUSTS_BAR, SERVICE, ROOT]}

    assert state_of(live(policy), role_=other).kind is TrustKind.UNMANAGED
    changed = state_of(live(policy), role_=other, applied=policy)
    assert (changed.kind, bool(changed.detail), changed.settled) == (TrustKind.EXACT, True, False)


def test_the_exact_trust_of_an_existing_role_is_what_is_classified_as_exact():
    document = trust_state.exact_trust(KEPT, [BAR])

    assert state_of(live(document), role_=KEPT).settled


SCAN = "arn:aws:iam::333333333333:role/scan"


@pytest.mark.parametrize(
    ("principals", "kind", "missing"),
    [
        ({BAR.arn, SCAN}, TrustKind.EXACT, ()),
        ({BAR.arn}, TrustKind.EXACT, (SCAN,)),
        ({BAR.arn, "AROASCANWASDELETED1"}, TrustKind.ORPHANED, (SCAN,)),
        ({BAR.account.root_arn}, TrustKind.BROAD, ()),
        ({BAR.arn, "arn:aws:iam::333333333333:user/eve"}, TrustKind.UNMANAGED, ()),
    ],
)
def test_an_arn_of_the_spec_is_part_of_an_exact_trust(principals, kind, missing):
    role_ = replace(FOO, trusted_arns=(SCAN,))
    live = LiveRole(role_.arn, "AROAFOO", trust.document(trust.Trust(frozenset(principals))), {})

    found = trust_state.classify(role_, [BAR], live, {BAR.arn: "AROABAR"})

    assert (found.kind, found.missing_arns) == (kind, missing)
    assert found.settled == (kind is TrustKind.EXACT and not missing)


def test_a_new_role_that_trusts_only_arns_is_never_broad():
    role_ = replace(FOO, trusts=(), trusted_arns=(SCAN,))

    policy = trust_state.opening_trust(trust_state.TrustState(role_, TrustKind.ABSENT), (), frozenset(), NOW)

    assert trust.read_trust(policy) == trust.Trust(frozenset({SCAN}))
