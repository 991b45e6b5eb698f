"""Reading the blocks and expressions of Terraform's language, and its syntax errors."""

from __future__ import annotations

from typing import Any

import pytest

from tfdriver.spec.hcl_reader import Expression, HclSyntaxError, read_blocks, read_expression


def plain(expression: Expression) -> tuple[Any, ...]:
    """Return an expression as nested tuples (kind, text, *parts)."""
    return (expression.kind, expression.text, *map(plain, expression.parts))


X = ("reference", "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5", ("literal", "1.5")),
        ("true", ("literal", "true")),
        ("null", ("literal", "null")),
        ("x", X),
        ("a.b . c", ("reference", "a.b.c")),
        ("(x)", X),
        ("x[0].y", ("other", "", ("other", "", X))),
        ("x[*].y", ("other", "", X)),
        ('""', ("string", "")),
        ('" a # b "', ("string", " a # b ", ("text", " a # b "))),
        ('" a ${x} b "', ("string", " a ${x} b ", ("text", " a "), X, ("text", " b "))),
        ('"${ x }${x}"', ("string", "${ x }${x}", X, X)),
        ('"${"${x}"}"', ("string", '${"${x}"}', ("string", "${x}", X))),
        ('"a\\n"', ("string", "a\\n", ("other", ""))),
        ('"$${x}"', ("string", "$${x}", ("other", ""))),
        ("f()", ("call", "f")),
        ("a::b(x, f(x)...)", ("call", "a::b", X, ("call", "f", X))),
        ("[x, # one\n x,\n]", ("list", "", X, X)),
        ("{}", ("object", "")),
        ("{ a = x, b : x\n c = x }", ("object", "", ("member", "a", X), ("member", "b", X), ("member", "c", X))),
        ('{ "a${x}" = x }', ("object", "", ("member", "a${x}", X))),
        ('true ? x : "y"', ("other", "", ("literal", "true"), X, ("string", "y", ("text", "y")))),
        ('x["y"] == 1 ? x : z', ("other", "", X, ("reference", "z"))),
        ('"${~ x ~}"', ("string", "${~ x ~}", ("other", "", X))),
        ('"%{ if x }a%{ endif }"', ("string", "%{ if x }a%{ endif }", ("other", "", X))),
        ("[for y in f(x) : [y] if x]", ("other", "", ("call", "f", X), ("list", "", ("reference", "y")), X)),
        ("{ for k, v in x : k => v }", ("other", "", X, ("reference", "k"), ("reference", "v"))),
        ("<<EOT\n a ${x}\n\n b\nEOT\n", ("heredoc", " a ${x}\n\n b")),
        ("<<-EOT\r\n  a\r\n  EOT\r\n", ("heredoc", "  a")),
    ],
)
def test_reading_expressions(text: str, expected: tuple[Any, ...]) -> None:
    assert plain(read_expression(text)) == expected


@pytest.mark.parametrize("text", ["", "1\na = 2", "1\na {}", "]"])
def test_text_that_is_not_a_single_expression_is_refused(text: str) -> None:
    with pytest.raises(HclSyntaxError):
        read_expression(text)


def test_blocks_have_labels_lines_and_arguments() -> None:
    (outer,) = read_blocks('# first\na "b" c {\n  d = 1\n  e {\n    f = g.h\n  }\n}\n').blocks
    (inner,) = outer.body.blocks

    assert (outer.type, outer.labels, outer.line, outer.end) == ("a", ("b", "c"), 2, 7)
    assert outer.body.arguments == {"d": Expression("literal", "1", line=3)}
    assert (inner.type, inner.labels, inner.line, inner.end) == ("e", (), 4, 6)
    assert inner.body.arguments == {"f": Expression("reference", "g.h", line=5)}


# `terraform fmt` (Terraform 1.x) accepts these, python-hcl2 8.1.4 does not.
REFUSED_BY_PYTHON_HCL2 = [
    '"b ${~ 1 ~} c"',
    '"${\n  x\n}"',
    '"$${x"',
    '"%%{x"',
    "!!x",
    "- -1",
    "(\n  x\n  .y\n)",
    "x /* c */ .y",
    "1 /***/",
    "{\n  for x in y : x\n  => z\n}",
    "<<EOT\nx\nEOT  \n",
]


@pytest.mark.parametrize("text", REFUSED_BY_PYTHON_HCL2)
def test_syntax_that_python_hcl2_refuses_is_accepted(text: str) -> None:
    assert read_blocks(f"é = {text}\n日本 = 2\n").arguments.keys() == {"é", "日本"}


@pytest.mark.parametrize("number", ["1e3", "1E-3", "10e+2", "1.5e3"])
def test_numbers_with_an_exponent_are_accepted(number: str) -> None:
    body = read_blocks(f'a = {number}\nb = max(1, {number})\nc = "x-{number}"\n')
    assert body.arguments.keys() == {"a", "b", "c"}
    assert float(body.arguments["a"].text) == float(number)
    assert body.arguments["c"].text == f"x-{number}"


VALID = 'variable "a" {\n  type = string\n}\n\n'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("locals {\n  a = 1\n", 7, "line 5 has no closing `}`"),
        ("locals {\n  a = [\n    1\n  b = 2\n}\n", 8, "line 6 has no closing `]`"),
        ('locals {\n  a = "x\n}\n', 8, 'line 6 has no closing `"`'),
        ("locals {\n  a = <<EOT\n}\n", 8, "line 6 has no closing heredoc marker"),
        ("locals {\n  a = 1]\n}\n", 6, "a = 1]"),
        ("locals {\n  a =\n}\n", 6, "a ="),
        ("locals {\n  a = 1\n  a = 2\n}\n", 7, "a is given twice"),
        ("???\n", 5, "???"),
    ],
)
def test_syntax_errors_have_a_line(text: str, line: int, words: str) -> None:
    with pytest.raises(HclSyntaxError) as raised:
        read_blocks(VALID + text)
    assert words in raised.value.what
    assert raised.value.line == line


def test_an_exponent_is_rewritten_outside_of_strings_only():
    text = 'a = "1e3"\nb = 1e3\nc = <<-EOT\n  2e3\nEOT\n# 3e3\n'

    found = read_blocks(text).arguments

    assert (found["a"].text, found["b"].text, found["c"].text.strip()) == ("1e3", "1.0e3", "2e3")
