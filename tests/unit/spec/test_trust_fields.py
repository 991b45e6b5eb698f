"""What a spec may add to a trust policy."""

from __future__ import annotations

from typing import Any

import pytest

from tfdriver.spec.trust_fields import condition_problems, statement_problem

DENY: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
EC2: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("operator", "key"),
    [
        ("StringEquals", "aws:PrincipalOrgID"),
        ("ForAllValues:StringLikeIfExists", "aws:TagKeys"),
        ("ArnLike", "aws:PrincipalArn"),
        ("Null", "aws:SourceVpc"),
        ("NotIpAddress", "aws:SourceIp"),
        ("NumericGreaterThanEquals", "aws:MultiFactorAuthAge"),
        ("StringEquals", "aws:PrincipalTag/team"),
    ],
)
def test_conditions_of_iam_are_accepted(operator: str, key: str):
    assert list(condition_problems({operator: {key: "x"}})) == []


@pytest.mark.parametrize(
    ("operator", "key", "what", "hint"),
    [
        ("StringEqual", "aws:SourceVpc", '"StringEqual" is not a condition operator', "StringEquals"),
        ("Bool", "MultiFactorAuthPresent", '"MultiFactorAuthPresent" is not a condition key', "aws:PrincipalOrgID"),
        ("StringEquals", "STS:ExternalId", "tfdriver writes StringEquals STS:ExternalId itself", "`external_id:`"),
        ("ArnEquals", "aws:PrincipalArn", "tfdriver writes ArnEquals aws:PrincipalArn itself", "`guard:`"),
        ("DateLessThan", "aws:CurrentTime", "tfdriver writes DateLessThan aws:CurrentTime itself", "`open_for:`"),
    ],
)
def test_other_conditions_are_refused(operator: str, key: str, what: str, hint: str):
    ((_, reason),) = condition_problems({operator: {key: "x"}})

    assert reason.what == what
    assert hint in reason.hint


@pytest.mark.parametrize(
    "statement", [DENY, EC2, DENY | {"Sid": "x", "Condition": {}}, EC2 | {"Principal": {"Federated": "f"}}]
)
def test_a_deny_and_an_allow_of_a_service_are_accepted(statement: dict[str, Any]):
    assert statement_problem(statement) is None


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (EC2 | {"Principal": {"AWS": "111111111111"}}, "an Allow statement here can name services"),
        (EC2 | {"Principal": {"AWS": "1", "Service": "s"}}, "an Allow statement here can name services"),
        (EC2 | {"Principal": "*"}, "an Allow statement here can name services"),
        (EC2 | {"Principal": {}}, "an Allow statement here can name services"),
        ({"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "a"}, "an Allow statement here can name services"),
        (DENY | {"Effect": "deny"}, "Effect is not Allow or Deny"),
        ({"Effect": "Deny", "Action": "a"}, "it has no principal or no action"),
        ({"Effect": "Deny", "Principal": "*"}, "it has no principal or no action"),
        (DENY | {"Resource": "*"}, "Resource is not an element of a trust policy"),
    ],
)
def test_other_statements_are_refused(statement: dict[str, Any], what: str):
    reason = statement_problem(statement)

    assert reason
    assert what in reason.what
