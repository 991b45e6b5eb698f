"""Evaluating expressions: the value is right or unknown."""

from __future__ import annotations

import pytest

from tfdriver.inspect.operator_policy.expressions import UNKNOWN, Scope, Text, text_of
from tfdriver.spec.hcl_reader import read_expression

U = UNKNOWN

SCOPE = Scope(
    variables={"role_name": "bar.x", "path": "/team/", "none": None, "secret": U},
    defaults={"days": read_expression("14"), "nothing": read_expression("null"), "list": read_expression("[1]")},
    locals={
        "name": read_expression('coalesce(var.nothing, replace(var.role_name, "/[^0-9A-Za-z_-]/", "-"))'),
        "self": read_expression('"x${local.self}"'),
        "a": read_expression('"${local.b}${local.b}"'),
        "b": read_expression('"${local.a}"'),
        "long": read_expression('"' + "x" * 3000 + '"'),
    },
    attribute=lambda kind, name, attribute: f"{kind}/{name}/{attribute}",
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"plain"', "plain"),
        ("7", "7"),
        ("true", "true"),
        ("null", None),
        ("var.role_name", "bar.x"),
        ("var.none", None),
        ("var.nothing", None),
        ("var.days", "14"),
        ("local.name", "bar-x"),
        ('"/aws/lambda/${local.name}"', "/aws/lambda/bar-x"),
        ('"${var.role_name}_permissions"', "bar.x_permissions"),
        ("aws_iam_role.this.arn", "aws_iam_role/this/arn"),
        ('"a${aws_iam_role.this.name}"', "aaws_iam_role/this/name"),
        ("coalesce(var.none, var.nothing, var.path)", "/team/"),
        ('coalesce("", "x")', "x"),
        ('replace("a.b", ".", "")', "ab"),
        ('replace("a..b", "/[.]+/", "-")', "a-b"),
        ('lower("Ab")', "ab"),
        ('upper("${lower("Ab")}c")', "ABC"),
        ('"$${x}"', U),
        ('"%{if true}x%{endif}"', U),
        ('"a\\"b"', U),
        ('"x-${var.secret}-y"', f"x-{U}-y"),
        ('"x-${var.none}"', f"x-{U}"),
        ("var.unheard_of", U),
        ("var.list", U),
        ("local.unheard_of", U),
        ("coalesce(var.secret, var.path)", U),
        ("coalesce()", U),
        ('replace("a", "/(a+)+$/", "b")', U),
        ('replace("a", "/[z-a]/", "b")', U),
        ('replace("a", "/[a]/", "$1")', U),
        ('replace(var.secret, "a", "b")', U),
        ("var.days > 7 ? 1 : 2", U),
        ("lower(var.path) == upper(var.path)", U),
        ("module.other.name", "module/other/name"),
        ("data.aws_caller_identity.me.account_id", U),
        ("var.list[0]", U),
        ('format("%s", var.path)', U),
        ("local.self", f"x{U}"),
        ("local.a", U),
        ("local.long", U),
        ("coalesce(" * 50 + ")" * 50, U),
    ],
)
def test_an_expression_has_its_value_or_is_unknown(expression: str, expected: Text) -> None:
    assert text_of(read_expression(expression), Scope(**{**vars(SCOPE), "evaluated": {}})) == expected


def test_local_values_that_grow_exponentially_are_unknown() -> None:
    """Each of 15 levels repeats the next one 16 times: 16**15 copies of `ab`."""
    levels = {f"l{n}": read_expression('"' + f"${{local.l{n + 1}}}" * 16 + '"') for n in range(15)}
    assert text_of(read_expression("local.l0"), Scope(locals={**levels, "l15": read_expression('"ab"')})) == U
