"""The state of each pair, for every trust policy and trusted role."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tfdriver.aws.observe import Observation
from tfdriver.iam import trust
from tfdriver.iam.trust import Trust
from tfdriver.iam.trust_state import LiveRole, Unreadable, classify
from tfdriver.inspect.role_pairs import Advice, PairState, pairs
from tfdriver.spec.model import RoleElsewhere, Spec

T0 = datetime(2026, 1, 2, tzinfo=UTC)
LIVE_BAR = LiveRole(BAR.arn, "AROABAR", {}, {})
GUARDED = trust.broad(FOO, [BAR], T0)
PLAIN = trust.broad(replace(FOO, guard=False), [BAR], T0)
EXACT = trust.exact([BAR])
DEAD = Trust(frozenset({"AROADEAD"}))


def observation(
    project: Spec, found: Trust | dict | Unreadable | None, bar: LiveRole | Unreadable | None
) -> Observation:
    """Return an observation of foo_bar and bar. No other trusted role exists."""
    others = {r.key: bar if r.key == "bar" else None for r in project.trusted}
    ids = {bar.arn: bar.role_id} if isinstance(bar, LiveRole) else {}
    policy = trust.document(found) if isinstance(found, Trust) else found
    live = LiveRole(FOO.arn, "AROAFOO", policy, {}) if isinstance(policy, dict) else policy
    return Observation({"foo_bar": classify(project.roles["foo_bar"], project.trusted, live, ids)}, others)


UNMANAGED = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
CASES = [
    (None, LIVE_BAR, PairState.ABSENT, "role foo_bar in account_a does not exist", Advice.UP),
    (
        GUARDED,
        LIVE_BAR,
        PairState.BROAD,
        "guarded: account 222222222222, only as role/bar, until 2026-01-02 01:00:00",
        Advice.TIGHTEN,
    ),
    (GUARDED, None, PairState.BROAD, "guarded", Advice.UP),
    (PLAIN, LIVE_BAR, PairState.BROAD, "without a guard: all of account 222222222222", Advice.TIGHTEN),
    (EXACT, LIVE_BAR, PairState.EXACT, "exact", Advice.NONE),
    (EXACT, Unreadable("no"), PairState.EXACT, "exact", Advice.NONE),
    (EXACT, None, PairState.ORPHANED, "trusts role bar in account_b, which does not exist", Advice.UP),
    (Trust(frozenset({"AROABAR"})), LIVE_BAR, PairState.EXACT, "exact", Advice.NONE),
    (DEAD, LIVE_BAR, PairState.ORPHANED, "AROADEAD, the id of a role that was deleted", Advice.TIGHTEN),
    (DEAD, None, PairState.ORPHANED, "deleted", Advice.UP),
    (
        DEAD,
        Unreadable("no"),
        PairState.ORPHANED,
        "deleted; whether role bar in account_b exists is not known",
        Advice.TIGHTEN,
    ),
    (UNMANAGED, LIVE_BAR, PairState.UNMANAGED, "it trusts anybody", Advice.OVERWRITE),
    (Unreadable("account_a cannot be read"), LIVE_BAR, PairState.UNREADABLE, "account_a cannot be read", Advice.NONE),
]


@pytest.mark.parametrize(("found", "bar", "state", "words", "advice"), CASES)
def test_each_state_has_words_and_advice(found, bar, state, words, advice):
    project = spec(FOO, BAR)
    (pair,) = pairs(project, observation(project, found, bar), T0)

    assert (pair.state, pair.advice) == (state, advice)
    assert words in str(pair)
    assert str(pair).startswith(f"role foo_bar in account_a <- role bar in account_b: {state}")


def test_a_broad_trust_expires_at_its_deadline():
    project = spec(FOO, BAR)
    at = [pairs(project, observation(project, GUARDED, None), T0 + timedelta(minutes=m))[0] for m in (59, 60)]

    assert [p.state for p in at] == [PairState.BROAD, PairState.EXPIRED]
    assert [(p.guarded, p.until) for p in at] == [(True, T0 + timedelta(hours=1))] * 2


@pytest.mark.parametrize("found", [GUARDED, EXACT])
def test_a_role_added_to_the_spec_is_not_trusted_yet(found):
    project = spec(replace(FOO, trusts=("bar", "new")), BAR, role("new", B))
    first, second = pairs(project, observation(project, found, LIVE_BAR), T0)

    assert first.state in (PairState.BROAD, PairState.EXACT)
    assert (second.state, second.words, second.trusted_exists) == (
        PairState.ABSENT,
        "role new in account_b is not trusted yet",
        False,
    )


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (EXACT, PairState.UNMANAGED, "role bar in account_b exists and is not managed by this project"),
        (DEAD, PairState.UNMANAGED, "managed by this project; it trusts AROADEAD, the id of a role that was deleted"),
        (None, PairState.UNMANAGED, "is not managed by this project; role foo_bar in account_a does not exist"),
        (GUARDED, PairState.BROAD, "not managed by this project; guarded: account 222222222222, only as role/bar"),
    ],
)
def test_an_unmanaged_trusted_role_is_reported_without_advice_to_tighten(found, state, words):
    project = spec(FOO, BAR)
    (pair,) = pairs(project, observation(project, found, LIVE_BAR), T0, {"bar"})

    assert pair.state is state
    assert words in pair.words
    assert "tighten" not in pair.advice
    assert pair.advice == (Advice.CLOSE if state is PairState.BROAD else Advice.PLAN)


def test_an_open_trust_of_an_unmanaged_trusting_role_is_closed_by_hand():
    project = spec(FOO, BAR)

    (pair,) = pairs(project, observation(project, GUARDED, LIVE_BAR), T0, {"foo_bar"})

    assert (pair.state, pair.advice) == (PairState.BROAD, Advice.BY_HAND)


def test_an_unreadable_role_is_not_reported_as_missing():
    project = spec(FOO, BAR)

    assert pairs(project, observation(project, EXACT, Unreadable("no")), T0)[0].trusted_exists is None
    assert project.accounts == {A.name: A, B.name: B}


SCAN, HUB = "arn:aws:iam::333333333333:role/scan", "arn:aws:iam::444444444444:role/hub"


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (None, PairState.ABSENT, "does not exist"),
        (GUARDED, PairState.ABSENT, "role scan in account 333333333333 is not trusted yet"),
        (EXACT, PairState.ABSENT, "role scan in account 333333333333 is not trusted yet"),
        (Trust(frozenset({BAR.arn, SCAN})), PairState.EXACT, ""),
        (Trust(frozenset({BAR.arn, "AROADEAD"})), PairState.ORPHANED, "AROADEAD"),
        (UNMANAGED, PairState.UNMANAGED, "anybody"),
        (Unreadable("AccessDenied"), PairState.UNREADABLE, "AccessDenied"),
    ],
)
def test_an_arn_in_trusts_has_a_pair(found, state, words):
    project = spec(replace(FOO, trusted_arns=(SCAN,)), BAR)

    _, pair = pairs(project, observation(project, found, LIVE_BAR), T0)

    assert (pair.state, pair.trusted, pair.trusted_account, pair.trusted_arn) == (state, "scan", "333333333333", SCAN)
    assert words in pair.words


def test_a_role_to_assume_that_exists_elsewhere_has_a_pair():
    project = spec(FOO, replace(BAR, assumes=(RoleElsewhere(HUB),)))

    _, pair = pairs(project, observation(project, EXACT, LIVE_BAR), T0)

    assert str(pair).startswith("role hub in 444444444444 <- role bar in account_b: elsewhere")
    assert (pair.state, pair.trusted_exists) == (PairState.ELSEWHERE, True)
