"""Building trust policies, and reading them by meaning."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.builders import BAR, FOO, A, B, role
from tfdriver.iam import trust
from tfdriver.iam.trust import Trust

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
ROOT = "arn:aws:iam::222222222222:root"
ARN = "arn:aws:iam::222222222222:role/bar"

roles = st.lists(
    st.builds(
        role,
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.sampled_from([A, B]),
        path=st.sampled_from(["/", "/team/", "/a/b/"]),
    ),
    min_size=1,
    max_size=5,
)
external_ids = st.none() | st.from_regex(r"[\w+=,.@:/-]{2,40}", fullmatch=True)


DENY = {
    "Sid": "Organization",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sts:AssumeRole",
    "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": ["o-1", "o-2"]}},
}
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}
additions = st.fixed_dictionaries(
    {
        "conditions": st.dictionaries(
            st.sampled_from(["StringLike", "Bool", "StringEquals", "DateLessThan"]),
            st.dictionaries(st.sampled_from(["aws:PrincipalTag/team", "aws:SourceVpc"]), st.booleans() | st.text("ab")),
        ),
        "session_tags": st.booleans(),
        "source_identity": st.booleans(),
        "trust_statements": st.lists(st.sampled_from([DENY, EC2]), unique_by=str).map(tuple),
    }
)


@given(roles, external_ids, st.booleans(), st.timedeltas(timedelta(minutes=1), timedelta(hours=12)), additions)
def test_reading_a_trust_policy_reverses_building_it(wanted, external_id, guard, open_for, more):
    trusting = role("foo", A, trusts=("x",), external_id=external_id, guard=guard, open_for=open_for, **more)

    for built in (trust.exact_for(trusting, wanted), trust.broad(trusting, wanted, NOW)):
        document = trust.document(built)

        assert trust.read_trust(document) == built
        assert trust.read_trust(quote(json.dumps(document))) == built


def test_the_broad_trust_has_a_guard_and_a_deadline():
    assert trust.document(trust.broad(FOO, [BAR], NOW)) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [ROOT]},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "ArnEquals": {"aws:PrincipalArn": [ARN]},
                    "DateLessThan": {"aws:CurrentTime": "2026-01-02T04:04:05Z"},
                },
            }
        ],
    }


def test_the_broad_trust_without_a_guard_has_no_conditions():
    plain = trust.broad(role("foo", A, trusts=("bar",), guard=False), [BAR], NOW)

    assert plain == Trust(frozenset({ROOT}))


def statement(**changes):
    base = {"Effect": "Allow", "Principal": {"AWS": ARN}, "Action": "sts:AssumeRole"}
    return {k: v for k, v in (base | changes).items() if v is not None}


@pytest.mark.parametrize(
    ("policy", "meaning"),
    [
        ({"Statement": [statement()]}, Trust(frozenset({ARN}))),
        ({"Statement": statement()}, Trust(frozenset({ARN}))),
        ({"Statement": [statement(Action=["sts:AssumeRole"])]}, Trust(frozenset({ARN}))),
        ({"Statement": [statement(Sid="x", Principal={"AWS": [ARN]})]}, Trust(frozenset({ARN}))),
        ({"Statement": [statement(Principal={"AWS": "222222222222"})]}, Trust(frozenset({ROOT}))),
        ({"Statement": [statement(Principal={"AWS": "AROAEXAMPLE"})]}, Trust(frozenset({"AROAEXAMPLE"}))),
        (
            {"Statement": [statement(Condition={"StringEquals": {"STS:externalId": ["e1"]}})]},
            Trust(frozenset({ARN}), external_id="e1"),
        ),
    ],
)
def test_policies_with_the_same_meaning_give_the_same_trust(policy, meaning):
    assert trust.read_trust(policy) == meaning


@pytest.mark.parametrize(
    "policy",
    [
        {"Statement": []},
        {"Statement": [statement(), statement()]},
        {"Statement": [statement(Effect="Deny")]},
        {"Statement": [statement(Principal="*")]},
        {"Statement": [statement(Principal={"AWS": "*"})]},
        {"Statement": [statement(Principal={"AWS": [ARN, "*"]})]},
        {"Statement": [statement(Principal={"AWS": [ARN, ROOT]})]},
        {"Statement": [statement(Principal={"AWS": "arn:aws:iam::222222222222:group/eve"})]},
        {"Statement": [statement(Principal={"Service": "lambda.amazonaws.com"})]},
        {"Statement": [statement(Principal={"AWS": ARN, "Service": "lambda.amazonaws.com"})]},
        {"Statement": [statement(Action="sts:*")]},
        {"Statement": [statement(Action=["sts:AssumeRole", "sts:AssumeRoleWithSAML"])]},
        {"Statement": [statement(Action="sts:TagSession")]},
        {"Statement": [statement(), {"Effect": "Allow", "Principal": {}, "Action": "sts:AssumeRole"}]},
        {"Statement": [statement(), {**EC2, "Principal": {"Service": "x", "AWS": ARN}}]},
        {"Statement": [statement(Principal=None, NotPrincipal={"AWS": ARN})]},
        {"Statement": [statement(Condition={"ArnEquals": {"aws:PrincipalArn": ARN}})]},
        {"Statement": [statement(Condition={"DateLessThan": {"aws:CurrentTime": "tomorrow"}})]},
        {"Statement": "text"},
        {},
    ],
)
def test_policies_that_tfdriver_never_writes_give_no_trust(policy):
    assert trust.read_trust(policy) is None


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_any_json_is_accepted_without_an_exception(value):
    assert trust.read_trust({"Statement": value}) is None


def test_additions_of_the_spec_come_on_top_of_the_guard_and_the_deadline():
    conditions = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}, "Bool": {"aws:MultiFactorAuthPresent": True}}
    trusting = role("foo", A, trusts=("bar",), conditions=conditions, session_tags=True, trust_statements=(DENY, EC2))

    own, *others = trust.document(trust.broad(trusting, [BAR], NOW))["Statement"]

    assert own["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert own["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": [ARN]},
        "DateLessThan": {"aws:CurrentTime": "2026-01-02T04:04:05Z"},
        "StringEquals": {"aws:PrincipalOrgID": "o-1"},
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
    }
    assert [trust.canonical(s) for s in others] == sorted(map(trust.canonical, (DENY, EC2)))


def test_length_does_not_count_white_space():
    assert trust.length({"a": ["b", "c"]}) == len('{"a":["b","c"]}')


def test_a_trust_expires_at_its_deadline():
    broad = trust.broad(FOO, [BAR], NOW)

    assert not broad.expired(NOW + timedelta(minutes=59))
    assert broad.expired(NOW + timedelta(minutes=60))
