"""The output `probe` of modules."""

from __future__ import annotations

import pytest

from tfdriver.verify.probes import CallsProbe, FunctionProbe, NoProbe, RoleProbe, TableProbe, calls_of, parse_probes

TABLE = {
    "type": "dynamodb_table",
    "table_name": "T",
    "hash_key": "K",
    "region": "us-west-2",
    "granted": ["dynamodb:PutItem"],
    "not_granted": [],
}


def calls(action, arn, **more):
    return {
        "type": "calls",
        "region": "us-west-2",
        "calls": [{"action": action, "arn": arn, "expect": "allowed"} | more],
    }


def test_a_table_probe_is_parsed():
    found = parse_probes(TABLE | {"more": 1}, "m")

    assert isinstance(found, TableProbe)
    assert found.granted == ("dynamodb:PutItem",)


def test_a_function_makes_attempts_only_if_its_probe_has_them():
    probe = {"type": "lambda", "function_name": "bar", "region": "us-west-2"}

    assert parse_probes(probe, "m") == FunctionProbe(function_name="bar", region="us-west-2", attempts=False)
    assert parse_probes(probe | {"attempts": True}, "m") == FunctionProbe(
        function_name="bar", region="us-west-2", attempts=True
    )


def test_a_missing_probe_has_a_reason():
    assert parse_probes(None, "team_a") == NoProbe(reason="module team_a has no output `probe`, or it is null")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({k: v for k, v in TABLE.items() if k != "hash_key"}, "hash_key"),
        (TABLE | {"granted": "dynamodb:PutItem"}, "granted"),
        ({"type": "s3"}, "s3"),
        ({}, "type"),
        ("text", "is not valid: "),
        ({"type": "role", "probe_by": "operator"}, "probe_by"),
        ({"type": "role", "probe_by": None}, "probe_by"),
        (calls("s3:DeleteObject", "arn:aws:s3:::b/k"), "calls.calls.0: s3:DeleteObject is not one of the actions"),
        (calls("s3:GetObject", "arn:aws:s3:::b"), "arn:aws:s3:::b is not the ARN of one resource of s3:GetObject"),
        (calls("s3:GetObject", "arn:aws:s3:::b/*"), "not the ARN of one resource"),
        (calls("sqs:GetQueueAttributes", "arn:aws:sqs:::q"), "not the ARN of one resource"),
        (calls("kms:DescribeKey", "arn:aws:s3:::key/k"), "not the ARN of one resource"),
        (calls("dynamodb:GetItem", "arn:aws:dynamodb:us-west-2:111111111111:table/T"), "needs hash_key"),
        (calls("s3:GetObject", "arn:aws:s3:::b/k", expect="denied"), "expect"),
    ],
)
def test_an_invalid_probe_has_a_reason(value, words):
    found = parse_probes(value, "team_a")

    assert isinstance(found, NoProbe)
    assert words in found.reason
    assert "module team_a" in found.reason


def test_calls_are_parsed_and_each_is_made_once():
    probe = calls("s3:GetObject", "arn:aws:s3:::b/k", hash_key=None)
    probe["calls"] *= 2
    found = parse_probes(probe, "m")

    assert isinstance(found, CallsProbe)
    (call,) = calls_of(found, "arn:aws:iam::111111111111:role/foo_bar")
    assert (call.action, call.resource, call.allowed) == ("s3:GetObject", "b/k", True)
    assert (call.region, call.name) == ("us-west-2", "s3:GetObject arn:aws:s3:::b/k")


def test_the_calls_of_a_table_name_it_by_its_arn_in_the_roles_account():
    table = parse_probes(TABLE | {"not_granted": ["dynamodb:Scan"]}, "m")
    found = calls_of(table, "arn:aws-cn:iam::111111111111:role/foo_bar")

    assert {call.arn for call in found} == {"arn:aws-cn:dynamodb:us-west-2:111111111111:table/T"}
    assert [(call.name, call.allowed) for call in found] == [("dynamodb:PutItem", True), ("dynamodb:Scan", False)]
    assert found[0].resource == "T"


def test_a_role_is_probed_by_an_operators_role():
    probe = {"type": "role", "probe_by": "arn:aws:iam::222222222222:role/ops/operator"}
    assert parse_probes(probe, "m") == RoleProbe(probe_by=probe["probe_by"])
