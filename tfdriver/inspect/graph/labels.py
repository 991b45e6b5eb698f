"""The label of each edge, and its size. Pure; no I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tfdriver.inspect.graph.measure import Font
from tfdriver.inspect.graph.model import Edge, Graph

STATE, DETAIL = Font(12, bold=True), Font(11)
DETAIL_LINE = 14  # line height of a detail
PAD = 12

_MOST = 15
_DETAIL_MAX, _DETAIL_LINES = 155, 5
_PILL, _APART, _BARE_ROW = 26, 8, 8


@dataclass(frozen=True)
class Label:
    """The label of an edge. lines: below the state, None for no label; row: height of the edge's row."""

    lines: tuple[str, ...] | None
    width: float
    height: float
    row: float


def labels(graph: Graph) -> dict[Edge, Label]:
    """Return each edge's label. With more than 15 edges there are no labels, only colours and the legend."""
    if len(graph.edges) > _MOST:
        return dict.fromkeys(graph.edges, Label(None, 0, 0, _BARE_ROW))
    arriving = Counter(edge.target for edge in graph.edges)
    sources = _source_names(graph)
    return {
        edge: _label(edge, sources[edge.whole, edge.source] if arriving[edge.target] > 1 else ())
        for edge in graph.edges
    }


def _source_names(graph: Graph) -> dict[tuple[bool, str], tuple[str, ...]]:
    """Return the lines that name each source, by whether it is a whole account, and key.

    A role has its account's name only if another role has the same name.
    """
    names = Counter(role.name for box in graph.trusted for role in box.roles)
    found: dict[tuple[bool, str], tuple[str, ...]] = {}
    for box in graph.trusted:
        found[True, box.key] = (box.account,)
        for role in box.roles:
            found[False, role.key] = (role.name, f"in {box.account}") if names[role.name] > 1 else (role.name,)
    return found


def _label(edge: Edge, source: tuple[str, ...]) -> Label:
    """Return a label. source: the lines that name the source, () if its target has no other source."""
    named = (DETAIL.shorten(line, _DETAIL_MAX) for line in source)
    lines = (*named, *DETAIL.wrap(edge.detail, _DETAIL_MAX, _DETAIL_LINES))
    height = _PILL + DETAIL_LINE * len(lines)
    return Label(lines, max(STATE.width(edge.state), *map(DETAIL.width, lines), 0) + 2 * PAD, height, height + _APART)
