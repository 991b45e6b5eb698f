"""Several graphs in one SVG, and the scaling of the SVG."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tests.unit.inspect.graph.cases import EXAMPLE, NOW, observation
from tfdriver.iam import trust
from tfdriver.inspect.graph.build import build, phases
from tfdriver.inspect.graph.model import MEANING, EdgeState
from tfdriver.inspect.graph.svg import per_row, svg


@pytest.mark.parametrize(
    ("count", "wide", "found"),
    [(1, 300, 1), (3, 300, 3), (3, 360, 3), (3, 361, 2), (3, 558, 2), (3, 559, 1), (1, 5000, 1)],
)
def test_graphs_are_side_by_side_up_to_1200_pixels(count, wide, found):
    assert per_row(count, wide) == found


def corners(drawn):
    return re.findall(r'<g transform="translate\(([\d.]+) ([\d.]+)\)">', drawn)


def test_phases_with_long_names_are_below_each_other():
    short = corners(svg(phases(EXAMPLE)))
    assert len({x for x, _ in short}) == 2
    long = corners(svg(phases(spec(role("f" * 64, A, trusts=("b" * 64,)), role("b" * 64, B)))))
    assert len(long) == len({y for _, y in long}) == 3
    assert len({x for x, _ in long}) == 1


def test_a_graph_shrinks_with_the_page():
    drawn = svg(phases(EXAMPLE))

    assert 'style="max-width:100%;height:auto"' in drawn
    assert "min-width" not in drawn


def test_a_long_title_is_shortened_in_the_middle():
    of = replace(EXAMPLE, project="first" + "-" * 90 + "last")
    (shown,) = re.findall(r"</title>(first-+…-+last)</text>", svg([build(of, None, NOW)]))

    assert len(shown) < 60


def test_the_legend_of_a_narrow_graph_is_wrapped():
    drawn = svg([build(EXAMPLE, observation(EXAMPLE, {"foo_bar": trust.broad(FOO, [BAR], NOW)}), NOW)])
    legend = drawn[drawn.rindex('<g class="s-broad">') :]

    words = " ".join(re.findall(r">([^<]+)</text>", legend))

    assert words == f"{EdgeState.BROAD}: {MEANING[EdgeState.BROAD]}"
