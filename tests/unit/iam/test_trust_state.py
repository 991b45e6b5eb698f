"""Which trust in which phase: the table of the design, row by row, and the property "never loosen"."""

from __future__ import annotations

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


def seen(policy, *, role_=FOO, wanted=(BAR,), ids=None):
    found = live(trust.document(policy)) if isinstance(policy, trust.Trust) else policy
    return trust_state.classify(role_, wanted, found, {BAR.arn: ID} if ids is None else ids)


BROAD = trust.broad(FOO, [BAR], NOW)
EXACT = trust.exact([BAR])


@pytest.mark.parametrize(
    ("name", "state", "kind"),
    [
        ("no role", seen(None), TrustKind.ABSENT),
        ("guarded", seen(BROAD), TrustKind.BROAD),
        ("not guarded", seen(trust.Trust(frozenset({B.root_arn}))), TrustKind.BROAD),
        ("expired", seen(replace(BROAD, until=NOW - timedelta(hours=1))), TrustKind.BROAD),
        ("exact by ARN", seen(EXACT), TrustKind.EXACT),
        ("exact by the live role's id", seen(trust.Trust(frozenset({ID}))), TrustKind.EXACT),
        ("a dead id", seen(trust.Trust(frozenset({DEAD}))), TrustKind.ORPHANED),
        ("a dead id, no new role", seen(trust.Trust(frozenset({DEAD})), ids={}), TrustKind.ORPHANED),
        ("one live, one dead", seen(trust.Trust(frozenset({BAR.arn, DEAD}))), TrustKind.ORPHANED),
        ("another role", seen(trust.exact([BAZ])), TrustKind.UNMANAGED),
        ("another account", seen(trust.Trust(frozenset({"arn:aws:iam::333333333333:root"}))), TrustKind.UNMANAGED),
        ("another guard", seen(replace(BROAD, guard=frozenset({BAZ.arn}))), TrustKind.UNMANAGED),
        ("deadline, no guard", seen(replace(BROAD, guard=frozenset())), TrustKind.UNMANAGED),
        ("exact with a deadline", seen(replace(EXACT, until=NOW)), TrustKind.UNMANAGED),
        ("another external id", seen(replace(EXACT, external_id="x1")), TrustKind.UNMANAGED),
        ("a wildcard", seen(live({"Statement": [{"Effect": "Allow", "Principal": "*"}]})), TrustKind.UNMANAGED),
        ("unreadable", seen(Unreadable("no network")), TrustKind.UNREADABLE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_seen(name, state, kind):
    assert state.kind is kind
    assert state.settled == (kind is TrustKind.EXACT)
    assert bool(state.detail) == (kind in (TrustKind.UNMANAGED, TrustKind.UNREADABLE))


def test_an_exact_trust_may_lack_a_role_that_the_spec_added():
    state = seen(EXACT, wanted=(BAR, BAZ))
    assert (state.kind, state.missing, state.settled) == (TrustKind.EXACT, (BAZ,), False)


def test_an_expired_broad_trust_is_not_in_force():
    state = seen(BROAD)
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
def test_a_policy_that_nobody_here_wrote_may_be_open(statements, is_open):
    state = seen(live({"Statement": statements}))
    assert state.kind is TrustKind.UNMANAGED
    assert state.open_at(NOW) == is_open


def test_a_new_role_starts_broad_only_if_nobody_it_trusts_exists():
    absent = seen(None)
    assert trust.read_trust(trust_state.opening_trust(absent, [BAR], frozenset(), NOW)) == BROAD
    assert trust.read_trust(trust_state.opening_trust(absent, [BAR], frozenset({BAR.arn}), NOW)) == EXACT
    assert trust.read_trust(trust_state.opening_trust(absent, [BAR, BAZ], frozenset({BAZ.arn}), NOW)) == trust.exact(
        [BAZ]
    )


def test_tightened_is_exactly_the_spec():
    assert trust.read_trust(trust_state.exact_trust(FOO, [BAR, BAZ])) == trust.exact([BAR, BAZ])


def lets_in(found: trust.Trust, caller: str, now: datetime) -> bool:
    """Whether a trust lets a role in, told without the code under test."""
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
def test_never_loosen_a_role_that_exists(now_trusted, wanted, existing, seconds):
    """Phase 1 leaves a role that exists as it is; phase 3 lets in nobody but the roles of the spec."""
    now = NOW + timedelta(seconds=seconds)
    state = seen(now_trusted, wanted=wanted)
    assert state.live is not None
    assert trust_state.opening_trust(state, wanted, frozenset(existing), now) == state.live.trust_policy
    after = trust.read_trust(trust_state.exact_trust(FOO, wanted))
    assert after is not None
    assert {c for c in callers if lets_in(after, c, now)} == {r.arn for r in wanted}
    assert not after.broad


@given(wanted_roles, st.sets(st.sampled_from([BAR.arn, BAZ.arn])), st.booleans())
def test_a_new_role_lets_in_only_roles_of_the_spec_while_guarded(wanted, existing, guard):
    state = trust_state.classify(replace(FOO, guard=guard), wanted, None, {})
    first = trust.read_trust(trust_state.opening_trust(state, wanted, frozenset(existing), NOW))
    assert first is not None
    let_in = {c for c in callers if lets_in(first, c, NOW)}
    if guard or existing & {r.arn for r in wanted}:
        assert let_in <= {r.arn for r in wanted}
    assert not lets_in(first, "arn:aws:iam::333333333333:role/eve", NOW)
