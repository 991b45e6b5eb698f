"""`tfdriver render`: write the compositions, apply nothing, ask AWS nothing."""

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
    """files: names of the files written, by composition; one that was as it should be is not among them."""

    files: dict[str, tuple[str, ...]]


def render(project: Path, now: datetime, note: Callable[[str], None] = lambda _: None) -> Rendered:
    """Write every composition with the values of the end state. now: UTC; note: see `read_spec`. Raises TfdriverError.

    A policy that revokes sessions stays for as long as those may live: applied by hand, this must not let them in.
    """
    spec = read_spec(project, note)
    workspace = Workspace(spec)

    def write(composition: Composition) -> tuple[str, ...]:
        return tuple(workspace.write(composition, workspace.final(composition, now)))

    with locked(spec.root, "render"):
        workspace.check()
        return Rendered({composition.name: write(composition) for composition in workspace.compositions})
