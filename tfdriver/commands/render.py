"""`tfdriver render`: write the compositions, apply nothing, ask AWS nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfdriver.lock import locked
from tfdriver.session import read_spec
from tfdriver.workspace import Workspace


@dataclass(frozen=True)
class Rendered:
    """files: names of the files written, by composition; one that was as it should be is not among them."""

    files: dict[str, tuple[str, ...]]


def render(project: Path) -> Rendered:
    """Write every composition with the values of the end state. Raises TfdriverError."""
    spec = read_spec(project)
    workspace = Workspace(spec)
    with locked(spec.root, "render"):
        workspace.check()
        return Rendered({c.name: tuple(workspace.write(c)) for c in workspace.compositions})
