"""`tfdriver graph`: who trusts whom, as text or as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from tfdriver.aws.observe import Observation
from tfdriver.deploy.session import Options, Tools, read_spec
from tfdriver.files import write_whole
from tfdriver.inspect.graph.build import build, phases
from tfdriver.inspect.graph.dot import dot
from tfdriver.inspect.graph.mermaid import mermaid
from tfdriver.inspect.graph.model import Graph
from tfdriver.inspect.graph.svg import svg
from tfdriver.inspect.graph.tree import tree
from tfdriver.inspect.status import view_project
from tfdriver.spec.model import Spec


class Format(StrEnum):
    """The formats of a graph."""

    TREE = "tree"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


_DRAWERS: dict[Format, Callable[[Sequence[Graph]], str]] = {
    Format.TREE: tree,
    Format.MERMAID: mermaid,
    Format.DOT: dot,
    Format.SVG: svg,
}


@dataclass(frozen=True)
class Drawn:
    """A graph as text, ending with a newline. file: where it was written, or None."""

    format: Format
    text: str
    file: str | None = None


def draw_graph(
    project: Path,
    form: Format,
    now: datetime,
    *,
    three_phases: bool = False,
    live: Tools | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Drawn:
    """Return the graph of a project. Reads AWS and states only with `live`; changes nothing. Raises TfdriverError.

    now: aware, for deadlines; three_phases: draw the phases of a first `up`; live: draw the live trusts that these
    tools can read, None to draw the spec alone; note: see `read_spec`.
    """
    if live:
        view = view_project(Options(project), live)
        return Drawn(form, draw(view.spec, form, now, observation=view.roles))
    return Drawn(form, draw(read_spec(project, note), form, now, three_phases=three_phases))


def draw(
    spec: Spec, form: Format, now: datetime, *, three_phases: bool = False, observation: Observation | None = None
) -> str:
    """Return the graph of a spec as text; no I/O. observation: the live trusts, None to draw the spec alone."""
    return _DRAWERS[form](phases(spec) if three_phases else (build(spec, observation, now),))


def write_graph(drawn: Drawn, path: Path) -> Drawn:
    """Write a graph to a file and return it with the file's name. Raises TfdriverError if it cannot be written."""
    write_whole(path, drawn.text.encode())
    return replace(drawn, file=str(path))
