"""Placeholders in texts of the spec."""

from __future__ import annotations

import pytest

from tfdriver.spec.placeholders import filled, placeholder_problem

VALUES = {"account": "prod", "account_id": "111111111111"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{account}-{account_id}", "prod-111111111111"),
        ("{{account}} {{id}}", "{account} {id}"),
        ("${account} ${{account}} %{account}", "${account} ${{account}} %{account}"),
        ('{} {"account": {"a": 1}} {proxy+} { account }', '{} {"account": {"a": 1}} {proxy+} { account }'),
        ("{{account}", "{prod"),
    ],
)
def test_words_in_braces_are_filled_in_and_the_rest_is_literal(text: str, expected: str):
    assert placeholder_problem(text, VALUES) is None
    assert filled({"a": [text, 1]}, VALUES) == {"a": [expected, 1]}


@pytest.mark.parametrize("text", ["{acount}", "{Account}", "{account-id}", "{0}"])
def test_an_unknown_word_in_braces_is_refused(text: str):
    assert placeholder_problem(f"a {text} b", VALUES).what == f'there is no placeholder "{text}"'
