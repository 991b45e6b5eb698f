"""Policy documents in all formats that IAM accepts, and texts for principals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tfdriver.iam.policy_document import access, account_of, moment, named, parse_policy, statements, strings

ALLOW, DENY = {"Effect": "Allow"}, {"Effect": "Deny"}


@pytest.mark.parametrize(
    ("written", "read"),
    [(ALLOW, [ALLOW]), ([ALLOW, DENY], [ALLOW, DENY]), ([], []), (None, []), ("x", []), ([ALLOW, "x", None], [ALLOW])],
)
def test_one_statement_or_a_list(written, read):
    assert statements({"Statement": written}) == read
    assert statements({}) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), (("a",), ["a"]), ([], []), (None, []), (7, []), ({"a": "b"}, [])],
)
def test_one_string_or_a_list(written, read):
    assert strings(written) == read


@pytest.mark.parametrize(
    ("arn", "account"),
    [
        ("arn:aws:iam::111111111111:role/a:b", "111111111111"),
        ("arn:aws:s3:::bucket", ""),
        ("arn:aws:iam::111111111111", ""),
        ("111111111111", ""),
        ("", ""),
    ],
)
def test_the_account_of_an_arn(arn, account):
    assert account_of(arn) == account


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T05:04:05+02:00"])
def test_times_without_a_time_zone_are_in_utc(text):
    assert moment(text) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_document_is_a_mapping_json_or_url_encoded_json():
    document = {"Statement": [ALLOW]}
    text = json.dumps(document)
    assert parse_policy(document) == parse_policy(text) == parse_policy(quote(text)) == document


@pytest.mark.parametrize("text", ["", "[]", "x", "%7B"])
def test_a_document_that_is_not_a_json_object_is_an_error(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_policy(text)


B = "222222222222"


@pytest.mark.parametrize(
    ("principal", "words"),
    [
        ("*", "anybody"),
        (B, f"all of account {B}"),
        (f"arn:aws:iam::{B}:root", f"all of account {B}"),
        (f"arn:aws-cn:iam::{B}:role/team/bar", f"role bar in account {B}"),
        (f"arn:aws:iam::{B}:user/admin", f"user admin in account {B}"),
        (f"arn:aws:sts::{B}:assumed-role/bar/x", f"session bar/x in account {B}"),
        (f"arn:aws:lambda:us-west-2:{B}:function:bar", f"function bar in account {B}"),
        ("AROADEAD", "the deleted role AROADEAD"),
        ("AIDADEAD", "the deleted principal AIDADEAD"),
    ],
)
def test_text_of_a_principal(principal, words):
    assert named(principal) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Principal": "*"}, "trusts anybody"),
        ({"Principal": {"AWS": ["5" * 12, B]}}, f"trusts all of account {'5' * 12} and all of account {B}"),
        ({"Principal": {"Service": "dax.amazonaws.com"}}, "trusts the service dax.amazonaws.com"),
        ({"Principal": {"Federated": "accounts.google.com"}}, "trusts the identity provider accounts.google.com"),
        ({"Effect": "Deny", "Principal": {"AWS": B}}, f"denies all of account {B}"),
        ({"NotPrincipal": {"AWS": B}}, f"trusts everybody except all of account {B}"),
        (
            {"Principal": {"AWS": B}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
            f"trusts all of account {B} for sts:AssumeRole, sts:TagSession",
        ),
        (
            {"Principal": {"AWS": B}, "Condition": {"Bool": {"b": "true"}, "StringEquals": {"a": "1"}}},
            f"trusts all of account {B}, with conditions on a, b",
        ),
        ({}, "trusts nobody"),
        ({"Principal": 7, "Condition": ["x"]}, "trusts nobody"),
    ],
)
def test_text_of_a_trust_policy(fields, words):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole"} | fields
    assert access({"Statement": [statement]}) == words
    assert access({"Statement": [statement, statement]}) == f"{words}; {words}"


def test_a_policy_without_statements_trusts_nobody():
    assert access({"Statement": []}) == "trusts nobody"
