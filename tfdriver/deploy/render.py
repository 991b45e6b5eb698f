"""`tfdriver render`: writes the compositions without calling AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tfdriver.deploy.session import read_spec
from tfdriver.project.lock import locked
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition


@dataclass(frozen=True)
class Rendered:
    """files: names of the changed files, by composition."""

    files: dict[str, tuple[str, ...]]


def render(project: Path, now: datetime, note: Callable[[str], None] = lambda _: None) -> Rendered:
    """Write every composition with its final values. now: UTC; note: see `read_spec`. Raises TfdriverError.

    A revocation stays until the longest session has ended, so that applying the files by hand does not undo it.
    """
    spec = read_spec(project, note)
    workspace = Workspace(spec)

    def write(composition: Composition) -> tuple[str, ...]:
        return tuple(workspace.write(composition, workspace.final(composition, now)))

    with locked(spec.root, "render"):
        workspace.check()
        return Rendered({composition.name: write(composition) for composition in workspace.compositions})
