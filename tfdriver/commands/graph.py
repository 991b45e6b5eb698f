"""`tfdriver graph`: who trusts whom, as text or as a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from tfdriver.files import write_whole
from tfdriver.graph.build import build, phases
from tfdriver.graph.dot import dot
from tfdriver.graph.mermaid import mermaid
from tfdriver.graph.model import Graph
from tfdriver.graph.svg import svg
from tfdriver.graph.tree import tree
from tfdriver.observe import Observation
from tfdriver.spec.model import Spec


class Format(StrEnum):
    """What a graph can be drawn as."""

    TREE = "tree"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


_DRAWERS: dict[Format, Callable[[tuple[Graph, ...]], str]] = {
    Format.TREE: tree,
    Format.MERMAID: mermaid,
    Format.DOT: dot,
    Format.SVG: svg,
}


@dataclass(frozen=True)
class Drawn:
    """A graph. file: where it was written to, or None; text: the graph itself, ends with a newline."""

    format: Format
    text: str
    file: Path | None = None


def graph(
    spec: Spec, form: Format, now: datetime, *, three_phases: bool = False, live: Observation | None = None
) -> str:
    """Return the graph of a spec as text, ending with a newline.

    live: what AWS shows, None for what the spec says; now: aware, for the deadlines in `live`; three_phases: what a
    first `up` makes of it, phase by phase, whatever AWS shows.
    """
    graphs = phases(spec) if three_phases else (build(spec, live, now),)
    return _DRAWERS[form](graphs)


def write(path: Path, text: str) -> None:
    """Write a graph to a file. Raises TfdriverError if that can't be done."""
    write_whole(path, text.encode())
