"""Layouts of any spec: text fits its box and nothing overlaps."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.builders import role, spec
from tests.unit.inspect.graph.cases import ALL, EXAMPLE, LIVE, NOW
from tfdriver.inspect.graph.build import build, phases
from tfdriver.inspect.graph.labels import DETAIL, PAD
from tfdriver.inspect.graph.layout import ACCOUNT, ROLE, SMALL, layout
from tfdriver.inspect.graph.measure import ELLIPSIS, Font
from tfdriver.spec.model import Account

NAMES = st.text("abcdefgWM_-.@日", min_size=1, max_size=64)


@st.composite
def specs(draw):
    """Up to 4 accounts, up to 5 trusting and 5 trusted roles, at least one trust."""
    count = draw(st.integers(1, 4))
    accounts = [Account(f"{n}{draw(NAMES)}", str(n) * 12, "p", "us-west-2", "aws") for n in range(count)]
    trusted = [role(f"t{n}", draw(st.sampled_from(accounts)), name=draw(NAMES)) for n in range(draw(st.integers(1, 5)))]
    keys = [r.key for r in trusted]
    trusting = [
        role(f"a{n}", draw(st.sampled_from(accounts)), name=draw(NAMES), trusts=tuple(draw(trusts(keys))))
        for n in range(draw(st.integers(1, 5)))
    ]
    return spec(*trusting, *trusted)


def trusts(keys):
    return st.lists(st.sampled_from(keys), min_size=1, unique=True)


def graphs(of):
    return [build(of, None, NOW), *phases(of)]


def apart(one, other):
    return one.right <= other.x or other.right <= one.x or one.bottom <= other.y or other.bottom <= one.y


def inside(inner, outer):
    return (
        outer.x <= inner.x and inner.right <= outer.right and outer.y <= inner.y and inner.bottom <= outer.bottom + 0.01
    )


def check(graph):
    placed = layout(graph)
    boxes = [*placed.trusted, *placed.trusting]
    pills = [edge.pill for edge in placed.edges]
    assert all(apart(a, b) for a, b in combinations([*pills, *(box.rect for box in boxes)], 2))
    for edge in placed.edges:
        assert all(edge.x1 <= edge.x2 <= pill.x + 0.01 for pill in pills)  # curves end before the lane of the labels
        assert edge.pill.y <= edge.y2 <= edge.pill.bottom
        assert edge.pill.right < edge.end
        assert all(DETAIL.width(line) <= edge.pill.width - 2 * PAD + 0.01 for line in edge.detail or ())
    for box in boxes:
        room = box.rect.width - 2 * PAD
        assert ACCOUNT.width(box.name.shown) <= room
        assert all(SMALL.width(about.shown) <= room for about in box.about)
        assert all(inside(r.rect, box.rect) for r in box.roles)
        assert all(apart(a.rect, b.rect) for a, b in combinations(box.roles, 2))
        assert all(ROLE.width(r.name.shown) <= r.rect.width - 2 * PAD for r in box.roles)
    assert max(box.rect.right for box in boxes) <= placed.width
    assert max(box.rect.bottom for box in boxes) <= placed.height
    assert min(box.rect.y for box in boxes) >= 0
    assert {e.edge for e in placed.edges} == set(graph.edges)


@settings(max_examples=40)
@given(specs())
def test_nothing_overlaps_and_every_text_fits(of):
    for graph in graphs(of):
        check(graph)


def test_every_state_has_room():
    check(build(ALL, LIVE, NOW))


def test_edges_connect_their_source_and_target():
    placed = layout(phases(EXAMPLE)[0])
    (edge,) = placed.edges
    assert edge.y1 == placed.trusted[0].header.middle
    placed = layout(build(EXAMPLE, None, NOW))
    (edge,) = placed.edges
    assert edge.y1 == placed.trusted[0].roles[0].rect.middle
    assert edge.y2 == placed.trusting[0].roles[0].rect.middle


def test_sources_are_sorted_to_avoid_crossings():
    a, b, c, d = (Account(n, n[-1] * 12, n, "us-west-2", "aws") for n in ("acc1", "acc2", "acc3", "acc4"))
    of = spec(role("x", a, trusts=("q",)), role("y", b, trusts=("p",)), role("p", c), role("q", d))

    assert [box.box.account for box in layout(build(of, None, NOW)).trusted] == ["acc4", "acc3"]


def test_a_wider_layout_has_longer_curves():
    narrow, wide = layout(build(EXAMPLE, None, NOW)), layout(build(EXAMPLE, None, NOW), 900)

    assert (wide.width, layout(build(EXAMPLE, None, NOW), 10)) == (900, narrow)
    assert [box.rect.right for box in wide.trusting] == [900]
    assert wide.trusted == narrow.trusted


def test_only_long_names_are_shortened_in_the_middle():
    font = Font(14, mono=True)
    assert font.shorten("bar", 200) == "bar"
    cuts = [font.shorten("role_" + "b" * 54 + end, 200) for end in ("_read", "_send")]
    assert [(cut[:5], cut[-5:], cut.count(ELLIPSIS)) for cut in cuts] == [("role_", "_read", 1), ("role_", "_send", 1)]
    assert all(font.width(cut) <= 200 < font.width(cut + "b" * 2) for cut in cuts)


@given(st.text("ab c", max_size=60), st.floats(30, 300), st.integers(1, 4))
def test_wrapped_lines_fit_and_keep_the_words(text, room, most):
    font = Font(11)
    lines = font.wrap(text, room, most)
    assert len(lines) <= most
    assert all(font.width(line) <= room for line in lines)
    if not any(ELLIPSIS in line for line in lines):
        assert " ".join(lines).split() == text.split()
