"""Policy documents in all the ways in which they can be written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tfdriver.iam.policy_document import account_of, moment, parse_policy, statements, strings

ALLOW, DENY = {"Effect": "Allow"}, {"Effect": "Deny"}


@pytest.mark.parametrize(
    ("written", "read"),
    [(ALLOW, [ALLOW]), ([ALLOW, DENY], [ALLOW, DENY]), ([], []), (None, []), ("x", []), ([ALLOW, "x", None], [ALLOW])],
)
def test_statements_are_one_or_many(written, read):
    assert statements({"Statement": written}) == read
    assert statements({}) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), (("a",), ["a"]), ([], []), (None, []), (7, []), ({"a": "b"}, [])],
)
def test_texts_are_one_or_many(written, read):
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
def test_a_moment_is_utc_unless_it_says_otherwise(text):
    assert moment(text) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_document_is_json_url_encoded_or_read_already():
    document = {"Statement": [ALLOW]}
    text = json.dumps(document)
    assert parse_policy(document) == parse_policy(text) == parse_policy(quote(text)) == document


@pytest.mark.parametrize("text", ["", "[]", "x", "%7B"])
def test_what_is_no_json_object_is_no_document(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_policy(text)
