"""Policies compared by meaning."""

from __future__ import annotations

import pytest

from tfdriver.iam.documents import difference, same


def document(*statements, version="2012-10-17"):
    return {"Version": version, "Statement": list(statements)}


PUT = {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "arn:t"}
CONDITION = {"StringEquals": {"sts:ExternalId": "x"}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (document(PUT), document({**PUT, "Sid": "Named", "Action": ["dynamodb:PutItem"], "Resource": ["arn:t"]})),
        (document(PUT), {"Statement": PUT}),
        (document(PUT), document({**PUT, "Action": "DynamoDB:putitem"})),
        (document(PUT, {**PUT, "Effect": "Deny"}), document({**PUT, "Effect": "Deny"}, PUT)),
        (document({**PUT, "Action": ["a:A", "b:B"]}), document({**PUT, "Action": ["b:B", "a:A"]})),
        (
            document({**PUT, "Condition": CONDITION}),
            document({**PUT, "Condition": {"StringEquals": {"sts:externalid": ["x"]}}}),
        ),
        (document({**PUT, "Principal": {"AWS": "a"}}), document({**PUT, "Principal": {"AWS": ["a"]}})),
        (
            document({**PUT, "Condition": {"Bool": {"k": True}}}),
            document({**PUT, "Condition": {"Bool": {"k": "true"}}}),
        ),
    ],
)
def test_the_same_said_differently(one, other):
    assert same(one, other)
    assert difference(one, other) == ""


@pytest.mark.parametrize(
    "other",
    [
        document({**PUT, "Action": "dynamodb:*"}),
        document({**PUT, "Resource": "arn:T"}),
        document({**PUT, "Effect": "Deny"}),
        document({"Effect": "Allow", "NotAction": "dynamodb:PutItem", "Resource": "arn:t"}),
        document(PUT, {**PUT, "Action": "dynamodb:GetItem"}),
        document({**PUT, "Condition": CONDITION}),
        document(),
    ],
)
def test_different(other):
    assert not same(document(PUT), other)
    assert difference(document(PUT), other)


def test_a_widened_policy_is_named():
    said = difference(document(PUT), document({**PUT, "Action": "dynamodb:*"}))
    assert said == "IAM has Allow dynamodb:* on arn:t instead of Allow dynamodb:PutItem on arn:t"


def test_a_missing_statement_is_named():
    assert difference(document(PUT), document()) == "IAM lacks Allow dynamodb:PutItem on arn:t"


def test_who_was_added_to_a_trust_is_named_and_so_are_conditions():
    service = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    other = {**service, "Principal": {"AWS": ["arn:aws:iam::333333333333:root", "444444444444"]}}
    said = difference(document(service), document(service, other))
    assert said == "IAM has Allow sts:AssumeRole to 444444444444, arn:aws:iam::333333333333:root"
    assert " to *" in difference(document(service), document({**service, "Principal": "*"}))
    said = difference(document(service), document({**service, "Condition": CONDITION}))
    assert 'with Condition {"StringEquals": {"sts:ExternalId": "x"}} instead of' in said
    said = difference(document(service), document({**service, "Principal": {"Service": ["a", "lambda.amazonaws.com"]}}))
    assert "to a, lambda.amazonaws.com instead of Allow sts:AssumeRole to lambda.amazonaws.com" in said
