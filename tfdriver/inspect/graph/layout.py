"""Places a graph: trusted accounts left, trusting accounts right, one row per edge. Pure; no I/O.

The label of an edge is in the edge's row, in a lane without curves, so no line crosses a label. Without labels, rows
are as high as an arrow. The layout of a graph is always the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import mean

from tfdriver.inspect.graph.coordinates import Layout, PlacedBox, PlacedEdge, PlacedRole, Rect, Text
from tfdriver.inspect.graph.labels import PAD, Label, labels
from tfdriver.inspect.graph.measure import Font
from tfdriver.inspect.graph.model import Box, Edge, Graph

ACCOUNT, ROLE, SMALL = Font(14, bold=True), Font(14, mono=True), Font(11.5)
LINE = 16  # line height

_BOX_MIN, _BOX_MAX = 140, 260
_HEADER = 34
_CHIP, _MISSING_CHIP = 34, 48
_GAP = 22
_CURVES_MIN, _CURVES_MAX, _CURVES_BARE = 44, 150, 300
_ARROW = 30


def layout(graph: Graph, at_least: float = 0) -> Layout:
    """Return the layout of a graph. at_least: its minimal width."""
    graph = _sorted_sources(graph)
    arrivals, edge_labels = _arrivals(graph), labels(graph)
    left, right = _column_width(graph.trusted), _column_width(graph.trusting)
    lane = max((label.width for label in edge_labels.values()), default=0)
    wanted = min(_CURVES_MAX if lane else _CURVES_BARE, max(_CURVES_MIN, 12 * len(graph.edges)))
    curves = max(wanted, at_least - left - lane - _ARROW - right)
    heights = {key: sum(edge_labels[edge].row for edge in edges) for key, edges in arrivals.items()}
    x_right = left + curves + lane + _ARROW
    sources = _stack(graph.trusted, 0, left, {})
    targets = _stack(graph.trusting, x_right, right, heights)
    height = max((column[-1].rect.bottom for column in (sources, targets) if column), default=0)
    sources, targets = _centered(sources, height), _centered(targets, height)
    edges = _edges(arrivals, edge_labels, _starts(sources), targets, left + curves + lane)
    return Layout(graph, x_right + right, height, sources, targets, edges)


def _sorted_sources(graph: Graph) -> Graph:
    """Sort trusted accounts and roles by the mean position of their targets, so that fewer edges cross."""
    place = {role.key: n for n, role in enumerate(role for box in graph.trusting for role in box.roles)}

    def level(edges: Iterable[Edge]) -> float:
        return mean([place[edge.target] for edge in edges] or [0])

    def of_role(key: str) -> float:
        return level(e for e in graph.edges if e.source == key and not e.whole)

    def of_box(box: Box) -> float:
        keys = {role.key for role in box.roles}
        return level(e for e in graph.edges if (e.source == box.key if e.whole else e.source in keys))

    boxes = [replace(b, roles=tuple(sorted(b.roles, key=lambda r: of_role(r.key)))) for b in graph.trusted]
    return replace(graph, trusted=tuple(sorted(boxes, key=of_box)))


def _arrivals(graph: Graph) -> dict[str, list[Edge]]:
    """Return the edges by key of their trusting role, in the order of their sources."""
    starts = [start for box in graph.trusted for start in [(True, box.key), *((False, r.key) for r in box.roles)]]
    place = {start: number for number, start in enumerate(starts)}
    return {
        role.key: sorted(
            (e for e in graph.edges if e.target == role.key), key=lambda edge: place[edge.whole, edge.source]
        )
        for box in graph.trusting
        for role in box.roles
    }


def _column_width(boxes: Iterable[Box]) -> float:
    """Return the width of the longest text, within bounds."""
    widest = [
        max(
            ACCOUNT.width(box.account),
            *(SMALL.width(text) for text in _about(box)),
            *(ROLE.width(role.name) + 2 * PAD for role in box.roles),
        )
        for box in boxes
    ]
    return min(_BOX_MAX, max([_BOX_MIN, *(w + 2 * PAD for w in widest)]))


def _about(box: Box) -> list[str]:
    return [box.account_id, box.region, *(["trusted as a whole"] if box.open else [])]


def _stack(boxes: Iterable[Box], x: float, wide: float, heights: Mapping[str, float]) -> tuple[PlacedBox, ...]:
    """Place boxes below each other. heights: minimal heights of roles, by key."""
    placed: list[PlacedBox] = []
    y = 0.0
    for box in boxes:
        placed.append(_box(box, x, y, wide, heights))
        y = placed[-1].rect.bottom + _GAP
    return tuple(placed)


def _box(box: Box, x: float, y: float, wide: float, heights: Mapping[str, float]) -> PlacedBox:
    room = wide - 2 * PAD
    about = tuple(Text(SMALL.shorten(text, room), text) for text in _about(box))
    header = Rect(x, y, wide, _HEADER + LINE * len(about))
    roles: list[PlacedRole] = []
    below = header.bottom
    for node in box.roles:
        chip = _CHIP if node.exists else _MISSING_CHIP
        rect = Rect(x + PAD, below, room, max(chip, heights.get(node.key, 0)))
        roles.append(PlacedRole(node, rect, Text(ROLE.shorten(node.name, room - 2 * PAD), node.name)))
        below = rect.bottom + PAD
    name = Text(ACCOUNT.shorten(box.account, room), box.account)
    return PlacedBox(box, Rect(x, y, wide, below - y), header, name, about, tuple(roles))


def _centered(boxes: tuple[PlacedBox, ...], height: float) -> tuple[PlacedBox, ...]:
    """Center a column within `height`."""
    down = (height - boxes[-1].rect.bottom) / 2 if boxes else 0

    def moved(rect: Rect) -> Rect:
        return replace(rect, y=rect.y + down)

    return tuple(
        replace(
            box,
            rect=moved(box.rect),
            header=moved(box.header),
            roles=tuple(replace(role, rect=moved(role.rect)) for role in box.roles),
        )
        for box in boxes
    )


def _starts(sources: Iterable[PlacedBox]) -> dict[tuple[bool, str], tuple[float, float]]:
    """Return where edges start: at an account's border beside its name, or at a role's right side."""
    starts: dict[tuple[bool, str], tuple[float, float]] = {}
    for placed in sources:
        starts[True, placed.box.key] = placed.rect.right, placed.header.middle
        starts |= {(False, role.node.key): (role.rect.right, role.rect.middle) for role in placed.roles}
    return starts


def _edges(
    arrivals: Mapping[str, list[Edge]],
    edge_labels: Mapping[Edge, Label],
    starts: Mapping[tuple[bool, str], tuple[float, float]],
    targets: Iterable[PlacedBox],
    lane_end: float,
) -> tuple[PlacedEdge, ...]:
    lane = max((label.width for label in edge_labels.values()), default=0)
    placed = []
    for role in (role for box in targets for role in box.roles):
        edges = arrivals[role.node.key]
        y = role.rect.middle - sum(edge_labels[edge].row for edge in edges) / 2
        for edge in edges:
            label, (x1, y1) = edge_labels[edge], starts[edge.whole, edge.source]
            y += label.row
            y2 = y - label.row / 2
            pill = Rect(lane_end - label.width, y2 - label.height / 2, label.width, label.height)
            placed.append(PlacedEdge(edge, x1, y1, lane_end - lane, y2, role.rect.x, label.lines, pill))
    return tuple(placed)
