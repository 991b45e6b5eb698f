"""A graph with coordinates, made by `layout` and drawn by `svg`. All numbers are pixels. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tfdriver.inspect.graph.model import Box, Edge, Graph, Node


@dataclass(frozen=True)
class Text:
    """Text. shown: as drawn; full: before it was shortened."""

    shown: str
    full: str


@dataclass(frozen=True)
class Rect:
    """A rectangle. x, y: its top left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The y of its middle."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class PlacedRole:
    """A role and its rectangle."""

    node: Node
    rect: Rect
    name: Text


@dataclass(frozen=True)
class PlacedBox:
    """An account and its rectangle. header: the rectangle of its name and of the lines `about` below the name."""

    box: Box
    rect: Rect
    header: Rect
    name: Text
    about: tuple[Text, ...]
    roles: tuple[PlacedRole, ...]


@dataclass(frozen=True)
class PlacedEdge:
    """An edge: a curve from (x1, y1) to (x2, y2), then a line to (end, y2), through its label on `pill`.

    detail: the label's lines below the state, None for no label.
    """

    edge: Edge
    x1: float
    y1: float
    x2: float
    y2: float
    end: float
    detail: tuple[str, ...] | None
    pill: Rect


@dataclass(frozen=True)
class Layout:
    """A graph with coordinates, from (0, 0) to (width, height)."""

    graph: Graph
    width: float
    height: float
    trusted: tuple[PlacedBox, ...]
    trusting: tuple[PlacedBox, ...]
    edges: tuple[PlacedEdge, ...]
