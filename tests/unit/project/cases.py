"""Compositions for the tests of this room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tfdriver.project import assets
from tfdriver.spec.compositions import Composition, Side

TEMPLATES = assets.templates()

EXAMPLE_TRUSTING = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
EXAMPLE_TRUSTED = Composition("account_b", "foo-bar", B, Side.TRUSTED, (replace(BAR, package=Path("lambda")),))

_VARIABLES = {"x": 1, "a_very_long_variable_name-with-dashes": [1, {"b": None}]}
MANY_TRUSTING = Composition(
    "account_a_trusting",
    "many",
    A,
    Side.TRUSTING,
    (
        role("a", A, trusts=("z", "null"), external_id="é ${x}", variables=_VARIABLES),
        replace(role("orders-" + "x" * 50, A, trusts=("z",)), source="terraform-aws-modules/iam/aws//modules/role"),
        replace(role("for", A, name="odd+=,.@-name", trusts=("z",)), source="git::https://example.com/a.git?ref=v1.2"),
        role("null", A, trusts=("z",), variables={"granted": ["a"]}),
    ),
    also_trusted=frozenset({"null"}),
)
MANY_TRUSTED = Composition(
    "account_a_trusted",
    "many",
    A,
    Side.TRUSTED,
    (
        role("z", A, package=Path("lambda"), variables={"schedule": "rate(5 minutes)"}),
        role("_w-1", A, path="/team/"),
    ),
)

# Roles with `accounts:`, as far as a composition has them.
FLEET_TRUSTING = Composition(
    "account_a",
    "fleet",
    A,
    Side.TRUSTING,
    (
        role(
            "foo_bar@account_a",
            A,
            name="foo_bar",
            trusts=("bar@account_b", "ci@account_b"),
            variables={"table": "T-account_a"},
        ),
        role("admin", A, trusts=("ci@account_b",)),
    ),
)
FLEET_TRUSTED = Composition(
    "account_b",
    "fleet",
    B,
    Side.TRUSTED,
    (
        role("bar@account_b", B, name="bar-222222222222", package=Path("lambda")),
        replace(role("ci@account_b", B, name="ci", existing=True), module="", source=""),
    ),
)

EXAMPLE = spec(*EXAMPLE_TRUSTING.roles, *EXAMPLE_TRUSTED.roles)
MANY = spec(*MANY_TRUSTING.roles, *MANY_TRUSTED.roles)
FLEET = spec(*FLEET_TRUSTING.roles, *FLEET_TRUSTED.roles)
ALL = (EXAMPLE_TRUSTING, EXAMPLE_TRUSTED, MANY_TRUSTING, MANY_TRUSTED, FLEET_TRUSTING, FLEET_TRUSTED)


def templates_in(folder: Path, **texts: str) -> Path:
    """Write templates into a folder: `main` is main.tf.j2."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.tf.j2").write_text(text, encoding="utf-8")
    return folder
