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
    """What a graph can be drawn as."""

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
    """A graph. text: the whole of it, ends with a newline; file: where it was written to, None for nowhere."""

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

    now: aware, for deadlines; three_phases: draw what a first `up` does, whatever AWS shows; live: draw what AWS shows,
    as far as the credentials at hand let it be seen, instead of what the spec says; note: see `read_spec`.
    """
    spec = read_spec(project, note)
    seen = observe(spec, ReachableAws(live, account_access(spec, live))) if live and not three_phases else None
    return Drawn(form, draw(spec, form, now, three_phases=three_phases, seen=seen))


def draw(
    spec: Spec, form: Format, now: datetime, *, three_phases: bool = False, seen: Observation | None = None
) -> str:
    """Return the graph of a spec as text; no I/O. seen: what AWS shows, None for what the spec says."""
    return _DRAWERS[form](phases(spec) if three_phases else (build(spec, seen, now),))


def write_graph(drawn: Drawn, path: Path) -> Drawn:
    """Write a graph to a file, and return it with the file's name. Raises TfdriverError if it can't be written."""
    write_whole(path, drawn.text.encode())
    return replace(drawn, file=str(path))
