"""Graphs built from specs and observations."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tests.unit.inspect.graph.cases import ALL, EXAMPLE, LIVE, NOW, observation
from tfdriver.iam import trust
from tfdriver.inspect.graph.build import build, duration, phases
from tfdriver.inspect.graph.draw import Format, draw
from tfdriver.inspect.graph.model import MEANING, Edge, EdgeState, printable
from tfdriver.inspect.graph.style import STYLES
from tfdriver.spec.model import RoleElsewhere


def states(graph):
    return {(edge.source, edge.target): edge.state for edge in graph.edges}


def test_without_aws_every_state_is_unknown():
    graph = build(EXAMPLE, None, NOW)

    assert graph.edges == (Edge("bar", "foo_bar", EdgeState.UNKNOWN),)
    assert [(b.account, b.account_id, [r.name for r in b.roles]) for b in graph.trusted] == [
        ("account_b", "222222222222", ["bar"])
    ]
    assert [r.arn for b in graph.trusting for r in b.roles] == [FOO.arn]


def test_every_state_is_drawn():
    graph = build(ALL, LIVE, NOW)

    assert states(graph) == {
        ("bar", "absent"): EdgeState.ABSENT,
        ("account_b", "broad"): EdgeState.BROAD,
        ("account_c", "broad"): EdgeState.BROAD,
        ("baz", "broad"): EdgeState.ABSENT,  # not in the guard
        ("account_b", "unguarded"): EdgeState.UNGUARDED,
        ("account_c", "expired"): EdgeState.EXPIRED,
        ("bar", "exact"): EdgeState.EXACT,
        ("baz", "exact"): EdgeState.ABSENT,  # added to the spec later
        ("bar", "changed"): EdgeState.CHANGED,
        ("bar", "orphaned"): EdgeState.ORPHANED,
        ("bar", "unmanaged"): EdgeState.UNMANAGED,
        ("own", "unreadable"): EdgeState.UNREADABLE,
    }
    assert set(states(graph).values()) | {EdgeState.UNKNOWN} == set(EdgeState)


def test_edges_have_deadline_roles_or_reason():
    edges = {(e.source, e.target): e for e in build(ALL, LIVE, NOW).edges}

    assert edges["account_b", "broad"].detail == "until 2026-01-02 01:00:00 UTC, only bar"
    assert edges["account_c", "expired"].detail == "since 2026-01-01 23:00:00 UTC"
    assert "baz" in edges["bar", "unmanaged"].detail
    assert edges["own", "unreadable"].detail == "no network"


def test_a_box_has_the_worst_state_of_its_broad_trusts():
    graph = build(ALL, LIVE, NOW)
    assert {b.account: b.open for b in graph.trusted} == {
        "account_a": None,
        "account_b": EdgeState.UNGUARDED,
        "account_c": EdgeState.BROAD,
    }
    assert {b.open for b in graph.trusting} == {None}
    later = build(EXAMPLE, observation(EXAMPLE, {"foo_bar": trust.broad(FOO, [BAR], NOW)}), NOW + timedelta(hours=1))
    assert [b.open for b in later.trusted] == [None]


def test_missing_roles_are_marked():
    seen = observation(EXAMPLE, {"foo_bar": None})
    assert not build(EXAMPLE, seen, NOW).nodes["foo_bar"].exists
    assert build(EXAMPLE, seen, NOW).nodes["bar"].exists
    gone = type(seen)(seen.states, {"bar": None})
    assert not build(EXAMPLE, gone, NOW).nodes["bar"].exists


def test_the_three_phases_of_the_example_are_drawn():
    broad, connect, tighten = phases(EXAMPLE)

    assert broad.edges == (Edge("account_b", "foo_bar", EdgeState.BROAD, "for 1 h, only bar", whole=True),)
    assert connect.edges == broad.edges
    assert tighten.edges == (Edge("bar", "foo_bar", EdgeState.EXACT),)
    assert [g.nodes["bar"].exists for g in (broad, connect, tighten)] == [False, True, True]
    assert [g.trusted[0].open for g in (broad, connect, tighten)] == [EdgeState.BROAD, EdgeState.BROAD, None]


def test_unguarded_phases_do_not_mention_a_guard():
    broad, _, _ = phases(spec(role("foo_bar", FOO.account, trusts=("bar",), guard=False), role("bar", B)))

    assert [e.state for e in broad.edges] == [EdgeState.UNGUARDED]
    assert "guard" not in broad.caption


@pytest.mark.parametrize(("seconds", "words"), [(3600, "1 h"), (5400, "1 h 30 min"), (45, "45 s"), (0, "0 s")])
def test_durations_are_in_words(seconds, words):
    assert duration(timedelta(seconds=seconds)) == words


def test_nonprintable_characters_are_replaced():
    assert printable("a\x1b[31m\u202eb\ud800\n") == "a�[31m�b��"


def test_every_state_has_a_meaning_and_its_own_line_style():
    assert set(MEANING) == set(STYLES) == set(EdgeState)
    looks = {(style.dash, style.width) for style in STYLES.values()}
    assert len(looks) == len(STYLES)  # differ without colour


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """Return the contrast ratio of WCAG 2."""
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("state", EdgeState)
def test_colours_have_enough_contrast(state):
    style = STYLES[state]

    assert contrast(style.light, "#ffffff") >= 4.5
    assert contrast(style.light, "#f3f5f8") >= 4.5
    assert contrast(style.dark, "#0d1117") >= 4.5
    assert contrast(style.dark, "#171d26") >= 4.5
    assert min(contrast(style.both, "#ffffff"), contrast(style.both, "#0d1117")) >= 3


def test_roles_that_trust_each_other_are_on_both_sides():
    mutual = spec(role("foo", A, trusts=("bar",)), role("bar", B, trusts=("foo",)))

    found = draw(mutual, Format.DOT, NOW), draw(mutual, Format.MERMAID, NOW), draw(mutual, Format.TREE, NOW)

    assert all(edge in found[0] for edge in ("t2_r1 -> a1_r1", "t1_r1 -> a2_r1"))
    assert all(edge in found[1] for edge in ('t2_r1 -->|"state unknown"| a1_r1', 't1_r1 -->|"state unknown"| a2_r1'))
    assert [found[2].count(line) for line in ("foo trusts", "bar trusts")] == [1, 1]


def test_roles_that_exist_elsewhere_are_drawn_in_their_accounts():
    scan, hub = "arn:aws:iam::333333333333:role/x/scan", "arn:aws:iam::444444444444:role/hub"
    found = spec(role("foo", A, trusts=("bar",), trusted_arns=(scan,)), role("bar", B, assumes=(RoleElsewhere(hub),)))

    graph = build(found, None, NOW)
    text = draw(found, Format.TREE, NOW)

    assert set(states(graph)) == {("bar", "foo"), (scan, "foo"), ("bar", hub)}
    assert [(box.account_id, [r.name for r in box.roles]) for box in (*graph.trusted, *graph.trusting)] == [
        ("222222222222", ["bar"]),
        ("333333333333", ["scan"]),
        ("111111111111", ["foo"]),
        ("444444444444", ["hub"]),
    ]
    assert "role scan in 333333333333" in text
    assert all(draw(found, form, NOW, three_phases=True) for form in Format)
