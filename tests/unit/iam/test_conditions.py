"""Evaluation of conditions and wildcards."""

from __future__ import annotations

from typing import Any

import pytest

from tfdriver.iam.conditions import RequestContext, conditions_match, like

CONTEXT = RequestContext(
    {
        "aws:principalarn": "arn:aws:iam::222222222222:role/team/bar",
        "aws:principalaccount": "222222222222",
        "aws:currenttime": "2026-03-01T12:00:00Z",
        "aws:tokenissuetime": "2026-03-01T11:00:00Z",
        "aws:epochtime": "1772366400",
        "aws:securetransport": "true",
        "aws:sourceip": "10.0.0.7",
        "aws:tagkeys": ("team", "stage"),
    },
    unknown=("aws:requesttag/*",),
    assumed=("aws:resourceorgid", "aws:resourceorgpaths"),
)


@pytest.mark.parametrize(
    ("operator", "key", "operand", "expected"),
    [
        ("StringEquals", "aws:PrincipalAccount", "222222222222", True),
        ("StringEquals", "aws:PrincipalAccount", ["1", "222222222222"], True),
        ("StringEquals", "AWS:principalaccount", "222222222222", True),
        ("StringEquals", "aws:PrincipalAccount", "1", False),
        ("StringEquals", "sts:ExternalId", "x", False),
        ("StringEqualsIfExists", "sts:ExternalId", "x", True),
        ("StringEqualsIfExists", "aws:PrincipalAccount", "1", False),
        ("StringNotEquals", "aws:PrincipalAccount", ["1", "2"], True),
        ("StringNotEquals", "aws:PrincipalAccount", ["1", "222222222222"], False),
        ("StringNotEquals", "sts:ExternalId", "x", True),
        ("StringEqualsIgnoreCase", "aws:SecureTransport", "TRUE", True),
        ("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*/bar", True),
        ("StringNotLike", "aws:PrincipalArn", "*:role/*", False),
        ("StringEquals", "aws:PrincipalArn", "arn:aws:iam::*:role/*/bar", False),
        ("StringEquals", "aws:PrincipalOrgID", "o-1", False),
        ("StringEquals", "aws:ResourceOrgID", ["o-1", "o-2"], True),
        ("StringNotEquals", "aws:ResourceOrgID", "o-1", False),
        ("ForAnyValue:StringLike", "aws:ResourceOrgPaths", "o-1/r-1/*", True),
        ("Null", "aws:ResourceOrgID", "true", False),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/team/bar", True),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/team/*", True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/team/ba?", True),
        ("ArnLike", "aws:PrincipalArn", "arn:*:role/team/bar", False),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/bar", False),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/bar", True),
        ("ArnEquals", "aws:PrincipalArn", "not an arn", False),
        ("DateLessThan", "aws:CurrentTime", "2026-03-01T12:00:01Z", True),
        ("DateLessThan", "aws:CurrentTime", "2026-03-01T12:00:00Z", False),
        ("DateLessThanEquals", "aws:CurrentTime", "2026-03-01T12:00:00Z", True),
        ("DateLessThan", "aws:CurrentTime", "2026-03-01T13:30:00+02:00", False),
        ("DateGreaterThan", "aws:EpochTime", "1772366399", True),
        ("DateLessThan", "aws:TokenIssueTime", "2026-03-01T11:30:00.000Z", True),
        ("DateLessThan", "aws:CurrentTime", "soon", None),
        ("NumericGreaterThanEquals", "aws:EpochTime", 1772366400, True),
        ("NumericLessThan", "aws:EpochTime", "ten", None),
        ("Bool", "aws:SecureTransport", True, True),
        ("Bool", "aws:SecureTransport", "false", False),
        ("Null", "sts:ExternalId", "true", True),
        ("Null", "sts:ExternalId", False, False),
        ("Null", "aws:TokenIssueTime", "false", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/24", True),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/24", False),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["stage", "x"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", "x", False),
        ("ForAnyValue:StringEquals", "sts:TransitiveTagKeys", "x", False),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["stage", "team", "x"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", "team", False),
        ("ForAllValues:StringEquals", "sts:TransitiveTagKeys", "x", True),
        ("StringEquals", "aws:TagKeys", "team", None),
        ("Sometimes:StringEquals", "sts:ExternalId", "x", None),
        ("BinaryEquals", "aws:PrincipalAccount", "MjI=", None),
        ("StringAlmost", "aws:PrincipalAccount", "222222222222", None),
        ("StringNotEquals", "aws:RequestTag/team", "a", None),
        ("StringLike", "aws:PrincipalArn", "*/${aws:username}", None),
    ],
)
def test_a_condition(operator: str, key: str, operand: Any, expected: bool | None) -> None:
    assert conditions_match({operator: {key: operand}}, CONTEXT) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, True),
        ({}, True),
        ({"Bool": {"aws:SecureTransport": "true"}, "Null": {"sts:ExternalId": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": "true", "aws:PrincipalAccount": "true"}}, False),
        ({"StringAlmost": {"aws:SourceIp": "x"}, "Bool": {"aws:SecureTransport": "true"}}, None),
        ({"StringAlmost": {"aws:SourceIp": "x"}, "Bool": {"aws:SecureTransport": "false"}}, False),
        ("nonsense", None),
        ({"Bool": "nonsense"}, None),
    ],
)
def test_several_conditions(condition: Any, expected: bool | None) -> None:
    assert conditions_match(condition, CONTEXT) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [("*", "", True), ("a?c", "abc", True), ("a?c", "ac", False), ("a.c", "abc", False), ("*\n*", "a\nb", True)],
)
def test_wildcards(pattern: str, value: str, expected: bool) -> None:
    assert like(pattern, value) is expected
