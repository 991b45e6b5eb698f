"""The output `probe` of modules."""

from __future__ import annotations

import pytest

from tfdriver.verify.probes import FunctionProbe, NoProbe, TableProbe, parse_probes

TABLE = {
    "type": "dynamodb_table",
    "table_name": "T",
    "hash_key": "K",
    "region": "us-west-2",
    "granted": ["dynamodb:PutItem"],
    "not_granted": [],
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
    assert parse_probes(None, "team_a") == NoProbe(reason="module team_a has no output `probe`")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({k: v for k, v in TABLE.items() if k != "hash_key"}, "hash_key"),
        (TABLE | {"granted": "dynamodb:PutItem"}, "granted"),
        ({"type": "s3"}, "s3"),
        ({}, "type"),
        ("text", "modules/README.md"),
    ],
)
def test_an_invalid_probe_has_a_reason(value, words):
    found = parse_probes(value, "team_a")

    assert isinstance(found, NoProbe)
    assert words in found.reason
    assert "module team_a" in found.reason
