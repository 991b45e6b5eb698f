"""Verdicts on pairs, with their hints."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.builders import BAR, FOO
from tfdriver.aws.role_policies import NamedPolicy, RolePolicies
from tfdriver.iam import trust
from tfdriver.iam.trust import Trust
from tfdriver.iam.trust_state import LiveRole, Unreadable, classify
from tfdriver.inspect.verdict import PairView, judge

T0 = datetime(2026, 1, 2, tzinfo=UTC)
OTHER = "arn:aws:iam::111111111111:role/other"
LIVE_BAR = LiveRole(BAR.arn, "AROABAR", {}, {})
EXACT = trust.document(trust.exact([BAR]))


def policy(*statements, name="p"):
    return NamedPolicy(name, "", {"Statement": list(statements)})


def may(resource=FOO.arn, effect="Allow", **more):
    return {"Effect": effect, "Action": "sts:AssumeRole", "Resource": resource} | more


GOOD = RolePolicies((policy(may()),))


def view(*, found=EXACT, policies=GOOD, caller=LIVE_BAR, role=FOO) -> PairView:
    """Return a view of foo_bar and bar. found: foo_bar's trust policy, Unreadable, or None for a missing role."""
    live = LiveRole(FOO.arn, "AROAFOO", found, {}) if isinstance(found, dict) else found
    ids = {BAR.arn: caller.role_id} if isinstance(caller, LiveRole) else {}
    return PairView(classify(role, [BAR], live, ids), caller, policies)


def document(found: Trust):
    return trust.document(found)


EXPIRED = document(Trust(frozenset({BAR.account.root_arn}), frozenset({BAR.arn}), T0 - timedelta(seconds=1)))
DENY_BAR = {"Effect": "Deny", "Principal": {"AWS": BAR.arn}, "Action": "sts:AssumeRole"}
SOURCE_IP = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}

PERMISSIONS = [
    (view(policies=RolePolicies(())), "none of its policies allows sts:AssumeRole", "Run `tfdriver up`"),
    (
        view(policies=RolePolicies((policy(may(OTHER), name="bar_permissions"),))),
        f"its policy bar_permissions allows sts:AssumeRole on {OTHER} instead of {FOO.arn}",
        "Run `tfdriver up`",
    ),
    (
        view(policies=RolePolicies((policy(may()), policy(may("*", "Deny"), name="no")))),
        "policy no denies it",
        "Remove that Deny from policy no of role bar",
    ),
    (
        view(policies=RolePolicies((policy(may(Condition=SOURCE_IP)),))),
        "only under conditions",
        "Look at the conditions in policy p of role bar",
    ),
    (
        view(policies=RolePolicies((policy(may()),), policy(may(OTHER), name="limit"))),
        "the permissions boundary limit does not",
        "in the permissions boundary limit",
    ),
    (view(caller=None, policies=None), "role bar in account_b does not exist", "Run `tfdriver up`"),
]


@pytest.mark.parametrize(("pair", "words", "change"), PERMISSIONS)
def test_refusing_permissions_are_explained(pair, words, change):
    found = judge(FOO, BAR, pair, T0)

    assert found.permissions.allows is False
    assert words in found.permissions.words
    assert change in found.change
    assert found.allowed is False


TRUSTS = [
    (view(found=None), "role foo_bar in account_a does not exist", "Run `tfdriver up`"),
    (
        view(found=document(Trust(frozenset({"AROADEAD"})))),
        "role foo_bar in account_a trusts AROADEAD, the id of a role that was deleted",
        "Run `tfdriver tighten`",
    ),
    (view(found=EXPIRED), "the deadline has passed", "Run `tfdriver tighten`"),
    (
        view(found=document(trust.exact([BAR], "secret-1"))),
        "the external id differs: role foo_bar in account_a requires secret-1, the spec has none",
        "Correct the external id in tfdriver.yaml",
    ),
    (
        view(found=EXACT | {"Statement": [*EXACT["Statement"], DENY_BAR]}),
        "the trust policy of role foo_bar in account_a denies role bar in account_b",
        "Remove that Deny",
    ),
    (
        view(found=document(Trust(frozenset({OTHER})))),
        "trusts role other in account 111111111111, not role bar in account_b",
        "tfdriver tighten --overwrite",
    ),
    (
        view(found={"Statement": [{"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"}]}),
        "does not trust role bar in account_b: it trusts the service x",
        "tfdriver tighten --overwrite",
    ),
]


@pytest.mark.parametrize(("pair", "words", "change"), TRUSTS)
def test_a_refusing_trust_policy_is_explained(pair, words, change):
    found = judge(FOO, BAR, pair, T0)

    assert found.permissions.allows is True
    assert found.trust.allows is False
    assert words in found.trust.words
    assert change in found.change


ALLOWED = [
    view(),
    view(found=document(trust.broad(FOO, [BAR], T0))),
    view(found=document(trust.broad(replace(FOO, guard=False), [BAR], T0))),
    view(found=document(Trust(frozenset({"AROABAR"})))),
    view(policies=RolePolicies((policy(may("arn:aws:iam::*:role/foo_*")),), policy(may("*")))),
]


@pytest.mark.parametrize("pair", ALLOWED)
def test_a_call_that_both_policies_allow_needs_no_change(pair):
    found = judge(FOO, BAR, pair, T0)
    assert (found.allowed, found.change) == (True, "")


def test_the_call_is_judged_with_the_external_id_of_the_spec():
    role = replace(FOO, external_id="right-1")
    right, wrong = (view(found=document(trust.exact([BAR], e)), role=role) for e in ("right-1", "wrong-1"))

    assert judge(role, BAR, right, T0).allowed is True
    assert "requires wrong-1, the spec has right-1" in judge(role, BAR, wrong, T0).trust.words


@pytest.mark.parametrize(
    "pair",
    [
        view(found=Unreadable("account_a cannot be read")),
        view(caller=Unreadable("account_b cannot be read"), policies=Unreadable("account_b cannot be read")),
    ],
)
def test_an_unreadable_policy_never_allows(pair):
    found = judge(FOO, BAR, pair, T0)

    assert (found.allowed, found.change) == (None, "")
    assert "cannot be read" in found.permissions.words + found.trust.words


def test_one_refusing_side_is_enough_if_the_other_is_unreadable():
    found = judge(FOO, BAR, view(found=EXPIRED, caller=Unreadable("x"), policies=Unreadable("x")), T0)
    assert (found.allowed, found.change) == (False, "Run `tfdriver tighten`")


@pytest.mark.parametrize(
    ("found", "words", "change"),
    [
        (
            trust.document(trust.broad(FOO, [BAR], T0)),
            "role foo_bar in account_a trusts account 222222222222, only as role/bar, until 2026-01-02 01:00:00 UTC",
            "the trust is broad, until 2026-01-02 01:00:00 UTC. Run `tfdriver tighten`",
        ),
        (
            document(Trust(frozenset({BAR.account.root_arn}))),
            "role foo_bar in account_a trusts all of account 222222222222",
            "the trust is broad, without a deadline. Run `tfdriver tighten`",
        ),
        (
            {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]},
            "role foo_bar in account_a trusts anybody",
            "the trust is broad, without a deadline. To replace the trust policy by the spec's, run `tfdriver up",
        ),
    ],
)
def test_a_broad_trust_allows_the_call_with_a_hint_to_tighten(found, words, change):
    verdict = judge(FOO, BAR, view(found=found), T0)

    assert verdict.allowed is True
    assert verdict.trust.words == words
    assert change in verdict.trust.change


ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
DENY_OTHERS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sts:AssumeRole",
    "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
}


@pytest.mark.parametrize(
    "role",
    [replace(FOO, conditions=ORGANIZATION), replace(FOO, trust_statements=(DENY_OTHERS,))],
    ids=["Allow", "Deny"],
)
def test_conditions_on_values_that_only_aws_has_give_no_verdict(role):
    found = judge(role, BAR, view(found=document(trust.exact_for(role, [BAR])), role=role), T0)

    assert (found.allowed, found.change) == (None, "")
    assert "trusts role bar in account 222222222222" in found.trust.words
    assert found.trust.words.endswith("Only AWS has the values of aws:PrincipalOrgID")
    assert found.trust.change == "Check that the call satisfies the conditions on aws:PrincipalOrgID"


def test_conditions_that_no_values_of_aws_can_satisfy_refuse_the_call():
    role = replace(FOO, conditions=ORGANIZATION | {"Bool": {"aws:SecureTransport": "false"}})

    found = judge(role, BAR, view(found=document(trust.exact_for(role, [BAR])), role=role), T0)

    assert found.allowed is False


def test_session_tags_and_a_service_do_not_change_the_verdict():
    service = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = replace(FOO, session_tags=True, trust_statements=(service,))

    found = judge(role, BAR, view(found=document(trust.exact_for(role, [BAR])), role=role), T0)

    assert (found.allowed, found.change) == (True, "")


def test_a_condition_that_does_not_decide_does_not_hide_why_the_role_is_not_trusted():
    other = trust.with_additions(Trust(frozenset({OTHER})), replace(FOO, conditions=ORGANIZATION))

    found = judge(FOO, BAR, view(found=document(other)), T0)

    assert found.trust.allows is False
    assert "not role bar in account_b" in found.trust.words
