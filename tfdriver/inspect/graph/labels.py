"""What is said on each edge, and how much room that takes. Pure; no I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tfdriver.inspect.graph.measure import Font
from tfdriver.inspect.graph.model import Edge, Graph

STATE, DETAIL = Font(12, bold=True), Font(11)
DETAIL_LINE = 14  # from one line of a detail to the next
PAD = 12

_MOST = 15
_DETAIL_MAX, _DETAIL_LINES = 155, 5
_PILL, _APART, _BARE_ROW = 26, 8, 8


@dataclass(frozen=True)
class Label:
    """What is said on an edge. lines: what stands below the state, None if nothing is said at all.

    row: how high the edge's row is, the label (width times height) in it.
    """

    lines: tuple[str, ...] | None
    width: float
    height: float
    row: float


def labels(graph: Graph) -> dict[Edge, Label]:
    """Return each edge's label. Above 15 edges none has one: the colours say it, and the legend what they mean."""
    if len(graph.edges) > _MOST:
        return dict.fromkeys(graph.edges, Label(None, 0, 0, _BARE_ROW))
    arriving = Counter(edge.target for edge in graph.edges)
    sources = _sources(graph)
    return {
        edge: _label(edge, sources[edge.whole, edge.source] if arriving[edge.target] > 1 else ())
        for edge in graph.edges
    }


def _sources(graph: Graph) -> dict[tuple[bool, str], tuple[str, ...]]:
    """What to call those who are let in, in lines: a role by its name, and its account only if the name is not enough.

    By whether it is a whole account, and key.
    """
    names = Counter(role.name for box in graph.trusted for role in box.roles)
    found: dict[tuple[bool, str], tuple[str, ...]] = {}
    for box in graph.trusted:
        found[True, box.key] = (box.account,)
        for role in box.roles:
            found[False, role.key] = (role.name, f"in {box.account}") if names[role.name] > 1 else (role.name,)
    return found


def _label(edge: Edge, source: tuple[str, ...]) -> Label:
    """source: who is let in, where that is not plain to see because others are let in to the same role; else empty."""
    named = (DETAIL.shorten(line, _DETAIL_MAX) for line in source)
    lines = (*named, *DETAIL.wrap(edge.detail, _DETAIL_MAX, _DETAIL_LINES))
    height = _PILL + DETAIL_LINE * len(lines)
    return Label(lines, max(STATE.width(edge.state), *map(DETAIL.width, lines), 0) + 2 * PAD, height, height + _APART)
