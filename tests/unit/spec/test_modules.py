"""Reading the variables and outputs of modules."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.errors import TfdriverError
from tfdriver.spec.hcl_reader import HclSyntaxError, read_blocks
from tfdriver.spec.modules import Module, Variable, read_module
from tfdriver.spec.terraform_types import ANY, Type

STRING = Type("string")


def read(tmp_path: Path, **files: str) -> Module:
    for name, text in files.items():
        (tmp_path / name.replace("__", ".")).write_text(text, encoding="utf-8", newline="")
    return read_module(tmp_path, tmp_path)


def test_variables_and_outputs_of_all_files_are_read(tmp_path: Path) -> None:
    module = read(
        tmp_path,
        variables__tf='variable "a" {\n  type = string\n}\nvariable b {\n  default = null\n}\n',
        main__tf='variable "c" { nullable = false }\noutput "x" { value = var.a }\n',
        outputs__tf='output "y" {\n  value = 1\n}\n',
        notes__txt='variable "d" {}',
    )
    assert list(module.variables.values()) == [
        Variable("c"),
        Variable("a", STRING),
        Variable("b", required=False),
    ]
    assert module.outputs == {"x", "y"}


def test_json_files_are_read(tmp_path: Path) -> None:
    text = """{
      "variable": {"a": {"type": "list(string)"}, "b": [{"default": 1, "nullable": false}]},
      "output": [{"x": {"value": 1}}, {"y": {"value": 2}}]
    }"""
    module = read(tmp_path, main__tf__json=text)

    expected = [Variable("a", Type("list", element=STRING)), Variable("b", required=False)]

    assert list(module.variables.values()) == expected
    assert module.outputs == {"x", "y"}


@pytest.mark.parametrize("name", ["override__tf", "a_override__tf"])
def test_override_files_are_merged_over_the_others(tmp_path: Path, name: str) -> None:
    overriding = {name: 'variable "a" {\n  type = number\n}\n'}
    module = read(tmp_path, main__tf='variable "a" {\n  type = string\n  default = ""\n}\n', **overriding)

    assert module.variables["a"] == Variable("a", Type("number"), required=False)


def test_files_that_terraform_ignores_are_skipped(tmp_path: Path) -> None:
    (tmp_path / ".hidden.tf").write_text('variable "a" {}')
    (tmp_path / "folder.tf").mkdir()

    assert not read(tmp_path, main__tf="").variables


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("any", ANY),
        ('"string"', STRING),
        ("list", Type("list", element=ANY)),
        ("set(number)", Type("set", element=Type("number"))),
        ("map(list(bool))", Type("map", element=Type("list", element=Type("bool")))),
        ("tuple([string, number])", Type("tuple", elements=(STRING, Type("number")))),
        ("object({})", Type("object")),
        (
            'object({\n  a = string # one\n  b = optional(string, "x,})") // two\n  c: optional(any)\n})',
            Type("object", attributes={"a": STRING, "b": STRING, "c": ANY}, optional=frozenset({"b", "c"})),
        ),
        (
            "object({ a = optional(object({ b = string }), { b = max(1, 2) }), })",
            Type("object", attributes={"a": Type("object", attributes={"b": STRING})}, optional=frozenset({"a"})),
        ),
    ],
)
def test_type_constraints(tmp_path: Path, written: str, expected: Type) -> None:
    assert read(tmp_path, main__tf=f'variable "a" {{\n  type = {written}\n}}\n').variables["a"].type == expected


# Valid Terraform that other parsers in Python fail on. A variable follows each, and must be found.
ACCEPTED = {
    "nothing": "",
    "a comment at the end": "# the end",
    "brackets in comments": '/* } " */ locals { // { "\n} # {',
    "a heredoc": 'locals {\n  a = <<EOT\n} " $x\nEOT\n}',
    "an indented heredoc": "locals {\n  a = <<-EOT\n    }\n    EOT\n}",
    "a heredoc in a call": "locals {\n  a = jsonencode(<<EOT\nx {\nEOT\n  )\n}",
    "a heredoc in Windows lines": "locals {\r\n  a = <<EOT\r\n}\r\nEOT\r\n}",
    "strings in templates in strings": 'locals {\n  a = "${join("}", [for x in ["\\"{"] : "${x}-${"y"}"])}"\n}',
    "a brace in a template": 'locals {\n  a = "${ { b = "}" }.b }"\n}',
    "a comment in a template": 'locals {\n  a = "${1 /* } */}"\n}',
    "directives": 'locals {\n  a = "%{ if true }x%{ else }{%{ endif }"\n}',
    "escapes": 'locals {\n  a = "$${ %%{ \\" $ % $$ { \\\\"\n}',
    "trimmed templates": 'locals {\n  a = "b ${~ 1 ~} c"\n}',
    "an expression over lines": "locals {\n  a = (\n    true\n    ? 1\n    : 2\n  )\n}",
    "for, splat, spread": 'locals {\n  a = { for k, v in var.m : k => v... if v != "" }\n  b = max(var.x[*].y...)\n}',
    "a function of a provider": "locals {\n  a = provider::aws::arn_parse(1)\n}",
    "a name that is not ASCII": "locals {\n  é = 1\n}",
    "blocks with labels and without": 'a "b" c {\n  d {\n    e {}\n  }\n}\nmoved {\n  from = a.b["}"]\n  to   = a.c\n}',
    "one line": "locals { a = { b = [1, 2], } }",
    "a comparison": "locals {\n  a = 1 == 2 || 3 >= 4 && !true\n}",
    "a byte order mark": "\ufefflocals {}",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_valid_terraform_is_accepted(tmp_path: Path, text: str) -> None:
    module = read(tmp_path, main__tf=f'{text}\nvariable "found" {{}}\n')
    assert list(module.variables) == ["found"]


@given(st.text(alphabet='${%}"\\\n<-EOT=[](), ab/*#', max_size=60))
def test_any_text_raises_only_syntax_errors(text: str) -> None:
    try:
        body = read_blocks(text)
    except HclSyntaxError as error:
        assert 1 <= error.line <= text.count("\n") + 1
    else:
        assert all(block.type for block in body.blocks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a = "' + '${"' * 5000 + '"}' * 5000 + '"\n', "invalid"),
        ("a {\n" * 5000 + "}\n" * 5000, "too deep"),
        ('variable "a" {\n type = ' + "list(" * 5000 + ")" * 5000 + "\n}\n", "too deep"),
    ],
    ids=["strings in strings", "blocks in blocks", "types in types"],
)
def test_deep_nesting_is_a_syntax_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TfdriverError, match=words):
        read(tmp_path, main__tf=text)


def test_an_unpaired_surrogate_is_not_a_type(tmp_path: Path) -> None:
    with pytest.raises(TfdriverError, match=r"^main\.tf\.json:1: syntax error"):
        read(tmp_path, main__tf__json='{"variable": {"a": {"type": "\\ud800"}}}')


def test_deep_nesting_in_json_is_a_syntax_error(tmp_path: Path) -> None:
    with pytest.raises(TfdriverError, match="nested too deep"):
        read(tmp_path, main__tf__json="[" * 200_000)
