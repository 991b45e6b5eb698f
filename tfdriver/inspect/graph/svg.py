"""Writes graphs as a self-contained SVG, light and dark, without scripts or external fonts. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from tfdriver.inspect.graph.coordinates import Layout, PlacedBox, PlacedEdge, PlacedRole, Rect, Text
from tfdriver.inspect.graph.labels import DETAIL, DETAIL_LINE, PAD, STATE
from tfdriver.inspect.graph.layout import ACCOUNT, LINE, ROLE, SMALL, layout
from tfdriver.inspect.graph.markup import SCOPE, element, rectangle, state_class, style_sheet, text
from tfdriver.inspect.graph.measure import Font
from tfdriver.inspect.graph.model import MEANING, EdgeState, Graph

_MARGIN, _BETWEEN = 24, 36
_TITLE, _CAPTION = Font(17, bold=True), Font(12)
_TITLE_MAX = 440
_WIDEST = 1200  # a wider picture is not readable when shrunk to a page's width
_HEAD, _SMALL_HEAD = (8, 5.5), (5, 3.0)  # length and half width of an arrow's head
_SAMPLE = 44
_ARROW = "An arrow leads from who may assume a role to that role."


def svg(graphs: Sequence[Graph]) -> str:
    """Return one SVG document. Several graphs are side by side, in as many rows as needed."""
    layouts = [layout(graph) for graph in graphs]
    wide = max(max(placed.width, min(_TITLE.width(placed.graph.title), _TITLE_MAX)) for placed in layouts)
    layouts = [layout(graph, wide) for graph in graphs]  # aligns the graphs with each other
    columns = per_row(len(layouts), wide)
    parts: list[str] = []
    y = float(_MARGIN)
    for first in range(0, len(layouts), columns):
        row, y = _row(layouts[first : first + columns], wide, y)
        parts += row
    whole_width = columns * (wide + _BETWEEN) - _BETWEEN + 2 * _MARGIN
    legend, y = _legend(graphs, y + 28, whole_width - 2 * _MARGIN)
    return _document(graphs, whole_width, y + _MARGIN, [*parts, legend])


def per_row(count: int, wide: float) -> int:
    """Return how many of `count` graphs of `wide` pixels fit into a row, at least one."""
    return max(1, min(count, int((_WIDEST - 2 * _MARGIN + _BETWEEN) // (wide + _BETWEEN))))


def _row(layouts: Sequence[Layout], wide: float, y: float) -> tuple[list[str], float]:
    """Return graphs side by side with their headings, and the y below them."""
    captions = [_CAPTION.wrap(placed.graph.caption, wide) for placed in layouts]
    y += _BETWEEN if y > _MARGIN else 0
    top = y + 24 + LINE * max(map(len, captions)) + PAD
    tallest = max(placed.height for placed in layouts)
    parts: list[str] = []
    x = float(_MARGIN)
    for placed, caption in zip(layouts, captions, strict=True):
        parts.append(_heading(placed.graph.title, caption, x, y, wide))
        parts.append(_drawing(placed, x, top + (tallest - placed.height) / 2))
        x += wide + _BETWEEN
    return parts, top + tallest


def _document(graphs: Sequence[Graph], wide: float, tall: float, parts: Sequence[str]) -> str:
    sentences = [f"{graph.title}. {graph.caption}: {'; '.join(map(graph.sentence, graph.edges))}." for graph in graphs]
    attributes: dict[str, str | float] = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": SCOPE,
        "role": "img",
        "viewBox": f"0 0 {wide:.0f} {tall:.0f}",
        "width": f"{wide:.0f}",
        "height": f"{tall:.0f}",
        "style": "max-width:100%;height:auto",
    }
    inside = [
        element("title", {}, text(" / ".join(graph.title for graph in graphs))),
        element("desc", {}, text(" ".join(sentences))),
        style_sheet(),
        rectangle(Rect(0, 0, wide, tall), "page", 0),
        *parts,
    ]
    return element("svg", attributes, "\n", "\n".join(inside), "\n") + "\n"


def _heading(title: str, caption: Sequence[str], x: float, y: float, wide: float) -> str:
    y += _TITLE.size
    lines = [_text(Text(_TITLE.shorten(title, wide), title), x, y, _TITLE)]
    for number, line in enumerate(caption):
        lines.append(_text(Text(line, line), x, y + 22 + LINE * number, _CAPTION, "soft"))
    return "\n".join(lines)


def _drawing(placed: Layout, x: float, y: float) -> str:
    boxes = [*placed.trusted, *placed.trusting]
    parts = [
        *(_box(box) for box in boxes),
        *(_line(edge, placed.graph) for edge in placed.edges),
        *(_role(role) for box in boxes for role in box.roles),
        *(_label(edge) for edge in placed.edges if edge.detail is not None),
    ]
    return element("g", {"transform": f"translate({x:.1f} {y:.1f})"}, "\n", "\n".join(parts), "\n")


def _box(placed: PlacedBox) -> str:
    rect, state = placed.rect, placed.box.open
    x, y = rect.x + PAD, rect.y + PAD + 10
    lines = [_text(placed.name, x, y, ACCOUNT)]
    for number, about in enumerate(placed.about, 1):
        lines.append(_text(about, x, y + LINE * number + 1, SMALL, "state" if number > 2 else "soft"))
    group = {"class": state_class(state)} if state else {}
    return element("g", group, rectangle(rect, "box open" if state else "box", 10), *lines)


def _role(placed: PlacedRole) -> str:
    rect, x = placed.rect, placed.rect.x + PAD
    title = element("title", {}, text(placed.node.arn))
    if placed.node.exists:
        name = _text(placed.name, x, rect.middle + 5, ROLE, titled=False)
        return element("g", {}, title, rectangle(rect, "chip", 7), name)
    name = _text(placed.name, x, rect.middle - 3, ROLE, "soft", titled=False)
    note = _text(Text("does not exist", ""), x, rect.middle + 13, SMALL, "soft", titled=False)
    return element("g", {}, title, rectangle(rect, "chip missing", 7), name, note)


def _line(placed: PlacedEdge, graph: Graph) -> str:
    """Return an edge without its label. An edge that has no label gets a tooltip."""
    x1, y1, x2, y2 = placed.x1, placed.y1, placed.x2, placed.y2
    length, half = _SMALL_HEAD if placed.detail is None else _HEAD
    middle, tip = (x1 + x2) / 2, placed.end - 1
    curve = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}H{tip - length:.1f}"
    head = f"M{tip:.1f} {y2:.1f}l-{length + 2} -{half:g}v{2 * half:g}z"
    paths = element("path", {"class": "edge", "d": curve}), element("path", {"class": "head", "d": head})
    title = element("title", {}, text(graph.sentence(placed.edge))) if placed.detail is None else ""
    return element("g", {"class": state_class(placed.edge.state)}, title, *paths)


def _label(placed: PlacedEdge) -> str:
    pill, edge, detail = placed.pill, placed.edge, placed.detail or ()
    x, y = pill.x + PAD, pill.middle + 4 - DETAIL_LINE / 2 * len(detail)
    lines = [_text(Text(edge.state, edge.state), x, y, STATE, "state")]
    for number, line in enumerate(detail, 1):
        lines.append(_text(Text(line, line), x, y + 1 + DETAIL_LINE * number, DETAIL))
    title = element("title", {}, text(f"{edge.label}: {MEANING[edge.state]}"))
    return element("g", {"class": state_class(edge.state)}, title, rectangle(pill, "pill", 8), *lines)


def _legend(graphs: Sequence[Graph], y: float, room: float) -> tuple[str, float]:
    """Return the legend, one line per state, and the y below it."""
    used = {edge.state for graph in graphs for edge in graph.edges}
    parts = [_text(Text(_ARROW, _ARROW), _MARGIN, y + 4, SMALL, "soft")]
    y += LINE + 4
    for state in (state for state in EdgeState if state in used):
        sample = element("path", {"class": "edge", "d": f"M{_MARGIN} {y:.1f}h{_SAMPLE}"})
        lines = SMALL.wrap(f"{state}: {MEANING[state]}", room - _SAMPLE - PAD)
        labels = []
        for line in lines:
            labels.append(_text(Text(line, line), _MARGIN + _SAMPLE + PAD, y + 4, SMALL, "soft"))
            y += LINE
        parts.append(element("g", {"class": state_class(state)}, sample, *labels))
        y += 4
    return "\n".join(parts), y - LINE + 4


def _text(words: Text, x: float, y: float, font: Font, colour: str = "", *, titled: bool = True) -> str:
    """Return one line of text. titled: whether shortened text gets a tooltip, False if its group has one."""
    classes = " ".join(name for name, on in (("mono", font.mono), ("bold", font.bold), (colour, colour)) if on)
    attributes: dict[str, str | float] = {"x": x, "y": y, "font-size": f"{font.size:g}"}
    if classes:
        attributes["class"] = classes
    title = element("title", {}, text(words.full)) if titled and words.shown != words.full else ""
    return element("text", attributes, title, text(words.shown))
