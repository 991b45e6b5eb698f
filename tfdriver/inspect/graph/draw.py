"""`tfdriver graph`: who trusts whom, as text or as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from tfdriver.aws.account_access import ReachableAws, account_access
from tfdriver.aws.observe import Observation, observe
from tfdriver.deploy.phases import DriverAws
from tfdriver.deploy.session import read_spec
from tfdriver.files import write_whole
from tfdriver.inspect.graph.build import build, phases
from tfdriver.inspect.graph.dot import dot
from tfdriver.inspect.graph.mermaid import mermaid
from tfdriver.inspect.graph.model import Graph
from tfdriver.inspect.graph.svg import svg
from tfdriver.inspect.graph.tree import tree
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
    live: DriverAws | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Drawn:
    """Return the graph of a project. Reads AWS only through `live`; changes nothing. Raises TfdriverError.

    now: aware, for deadlines; three_phases: draw the phases of a first `up`, without AWS; live: draw the live trusts
    that the credentials can read, None to draw the spec alone; note: see `read_spec`.
    """
    spec = read_spec(project, note)
    observation = observe(spec, ReachableAws(live, account_access(spec, live))) if live and not three_phases else None
    return Drawn(form, draw(spec, form, now, three_phases=three_phases, observation=observation))


def draw(
    spec: Spec, form: Format, now: datetime, *, three_phases: bool = False, observation: Observation | None = None
) -> str:
    """Return the graph of a spec as text; no I/O. observation: the live trusts, None to draw the spec alone."""
    return _DRAWERS[form](phases(spec) if three_phases else (build(spec, observation, now),))


def write_graph(drawn: Drawn, path: Path) -> Drawn:
    """Write a graph to a file and return it with the file's name. Raises TfdriverError if it cannot be written."""
    write_whole(path, drawn.text.encode())
    return replace(drawn, file=str(path))
