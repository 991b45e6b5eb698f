"""HCL quoting and alignment. tests/integration checks that Terraform reads the same values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.errors import TfdriverError
from tfdriver.terraform import hcl_writer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", '""'),
        ("plain é 😀", '"plain é 😀"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("\n\r\t\0\x7f", r'"\n\r\t\u0000\u007f"'),
        ("\u2028\U000e0001", r'"\u2028\U000e0001"'),
        ("${x} %{y} $x {z}", '"$${x} %%{y} $x {z}"'),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (7, "7"),
        (hcl_writer.identifier("a-b_C"), "a-b_C"),
    ],
)
def test_a_value_becomes_a_literal(value: object, expected: str) -> None:
    assert hcl_writer.literal(value) == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_string_is_one_line_without_an_inner_end(text: str) -> None:
    quoted = hcl_writer.quoted(text)
    assert quoted.isprintable()
    inside = quoted[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inside
    assert "${" not in inside.replace("$${", "")
    assert "%{" not in inside.replace("%%{", "")


def test_a_changed_identifier_is_quoted() -> None:
    assert hcl_writer.literal(hcl_writer.identifier("a") + '"') == r'"a\""'


@pytest.mark.parametrize("value", [[], {}, 1.5, b"x", object()])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TfdriverError, match="cannot print"):
        hcl_writer.literal(value)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(TfdriverError, match="surrogate"):
        hcl_writer.quoted("\ud800")


def test_the_first_equals_signs_of_lines_are_aligned() -> None:
    assert hcl_writer.aligned('\n  a = "x = y"\n\n  long_name = 1\n') == '  a         = "x = y"\n  long_name = 1\n'
