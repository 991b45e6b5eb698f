"""The text of planned changes: symbols, colors, and values that come from others."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from tfdriver.cli.plan_text import print_planned
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.plan_view import AttributeChange, PhasePlan, Planned, PolicyChange, ResourceChange, counted

OVERVIEW = Overview("p", "plan", "1.11", "", (), (), ())


def printed(*changes: ResourceChange, color: bool = False, **more) -> str:
    text = io.StringIO()
    system = "standard" if color else None
    console = Console(file=text, force_terminal=color, color_system=system, width=200, highlight=False)
    phase = PhasePlan("connect", "account_b", "account_b", "222222222222", counted(changes), changes, **more)
    print_planned(Planned(OVERVIEW, (phase,)), console)
    return text.getvalue()


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ("create", "    + create a.b"),
        ("update", "    ~ update a.b"),
        ("replace", "  -/+ replace (delete, then create) a.b"),
        ("create_then_delete", "  +/- replace (create, then delete the old one) a.b"),
        ("delete", "    - delete a.b"),
        ("forget", "    . remove from the state, but not from AWS, a.b"),
    ],
)
def test_symbols_are_terraforms(action, line):
    assert line in printed(ResourceChange(action, "a.b")).splitlines()


@pytest.mark.parametrize(("action", "code"), [("create", "32"), ("update", "33"), ("replace", "31"), ("delete", "31")])
def test_colors_are_terraforms(monkeypatch, action, code):
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert f"\x1b[{code}m" in printed(ResourceChange(action, "a.b"), color=True)


def test_no_color_means_no_color(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    for code in ("31", "32", "33"):
        assert f"\x1b[{code}m" not in printed(ResourceChange("create", "a.b"), color=True)


def test_a_changed_attribute_is_on_one_line():
    changes = (
        AttributeChange("capacity", 5, 6),
        AttributeChange("name", "a", "b", replaces=True),
        AttributeChange("new", None, True),
        AttributeChange("old", "x", None),
        AttributeChange("long", "x" * 500, None),
    )

    lines = printed(ResourceChange("update", "a.b", attributes=changes)).splitlines()[2:7]

    assert lines[:4] == [
        "      ~ capacity: 5 -> 6",
        '      ~ name: "a" -> "b"  # forces replacement',
        "      + new: true",
        '      - old: "x"',
    ]
    assert lines[4].endswith("xxx...")
    assert len(lines[4]) < 150


def test_text_of_others_cannot_control_the_terminal_or_the_markup():
    hostile = "\x1b[2J[red]\u009b31m"
    policy = PolicyChange("policy", None, {"Statement": [{"Sid": hostile}]})
    change = ResourceChange(
        "update",
        hostile,
        hostile,
        hostile,
        attributes=(AttributeChange(hostile, hostile, hostile),),
        policies=(policy,),
    )

    text = printed(change, notes=(hostile,))

    assert "\x1b" not in text
    assert "\u009b" not in text
    assert "[red]" in text


def test_a_secret_in_a_value_is_hidden():
    key = "AKIAIOSFODNN7EXAMPLE"
    change = ResourceChange("update", "a.b", attributes=(AttributeChange("env", key, json.dumps({"k": key})),))

    assert key not in printed(change)


def test_a_phase_without_resources_says_what_else_changes():
    assert ": no changes\n" in printed()
    assert ": no resource changes; Terraform saves these outputs in its state: roles\n" in printed(outputs=("roles",))
    assert ": only Terraform's state changes\n" in printed(ResourceChange("forget", "a.b"))
    assert ": see below\n  known only after phase 1\n" in printed(notes=("known only after phase 1",))
