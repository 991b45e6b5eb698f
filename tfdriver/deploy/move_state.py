"""Moves states to the backend that the spec names: pushes a copy, then forgets the old place.

Each step can be repeated, so that after a kill at any point the next run finishes the move. Terraform's own
`init -migrate-state` empties a local state in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder, write_whole
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.backend import RECORD, Backend
from tfdriver.terraform.remote_state import backend_root
from tfdriver.terraform.runner import RUN_FOLDER, Root, Settings
from tfdriver.terraform.state import BrokenStateError, State, parse_state


@dataclass(frozen=True)
class StateMove:
    """A state to move. source: where it is; target: where the spec wants it."""

    composition: Composition
    source: Backend
    target: Backend

    def __str__(self) -> str:
        source, target = (
            backend.place if backend.remote else f"compositions/{self.composition.name}/{backend.path}"
            for backend in (self.source, self.target)
        )
        return f"the state of {self.composition.name} moves from {source} to {target}"


# Shows the moves and asks. Raises TfdriverError if the user does not agree.
ConfirmMoves = Callable[[tuple[StateMove, ...]], None]


def find_moves(workspace: Workspace) -> tuple[StateMove, ...]:
    """Return the states that are not where the spec wants them, as far as the compositions' folders tell."""
    return tuple(
        StateMove(composition, source, workspace.backends[composition.name])
        for composition in workspace.compositions
        if (source := workspace.former_backend(composition))
    )


def refuse_unmoved(moves: Iterable[StateMove]) -> None:
    """Raise TfdriverError for the first state that `up` would move."""
    for move in moves:
        raise TfdriverError(
            str(move),
            code="state_not_migrated",
            where=f"compositions/{move.composition.name}",
            hint="Run `tfdriver up`, which asks and moves it, then repeat this command",
        )


def move_states(
    moves: Iterable[StateMove],
    workspace: Workspace,
    settings: Settings,
    private: Path,
    now: datetime,
    note: Callable[[str], None],
) -> None:
    """Move states. private: a folder of this run only; now: UTC; note: prints a line.

    Raises TfdriverError, without a change, if the new place has a state that is not an older version.
    """
    for move in moves:
        folder = workspace.path(move.composition)
        source = _Place(move.source, folder, private / f"move-from-{folder.name}", settings)
        target = _Place(move.target, folder, private / f"move-to-{folder.name}", settings)
        text = _read_source(source, move)
        if state := _parsed(text, move):
            kept = folder / RUN_FOLDER / f"terraform.tfstate.moved-{now:%Y%m%dT%H%M%SZ}"
            private_folder(kept.parent)
            write_whole(kept, text.encode(), mode=0o600)
            existing = _parsed(target.read(), move)
            if _must_write(state, existing, move):
                target.write(kept, force=existing is not None and existing.lineage != state.lineage)
            note(f"  {move}; a copy is kept as compositions/{folder.name}/{kept.relative_to(folder)}")
        if not move.source.remote:
            (folder / move.source.path).unlink(missing_ok=True)
        (folder / RECORD).unlink(missing_ok=True)  # the next `terraform init` uses the new backend


@dataclass(frozen=True)
class _Place:
    """A place of a state. folder: the composition's; private: a folder for Terraform in this place only."""

    backend: Backend
    folder: Path
    private: Path
    settings: Settings

    def read(self) -> str:
        """Return the text of the state, '' without one."""
        if self.backend.remote:
            return self._terraform().pull_state()
        path = self.folder / self.backend.path
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def write(self, file: Path, *, force: bool) -> None:
        """Write a state from a file. force: replace a state with another lineage."""
        if self.backend.remote:
            self._terraform().push_state(str(file), force=force)
        else:
            write_whole(self.folder / self.backend.path, file.read_bytes(), mode=0o600)

    def _terraform(self) -> Root:
        return backend_root(self.private, self.backend, self.settings)


def _read_source(source: _Place, move: StateMove) -> str:
    try:
        return source.read()
    except TfdriverError as error:
        record = f"compositions/{move.composition.name}/{RECORD}"
        hint = f"Make that state readable and run the same command again. If it is gone for good, delete {record}"
        raise TfdriverError(f"{move}: {error.what}", code=error.code, where=error.where, hint=hint) from error


def _parsed(text: str, move: StateMove) -> State | None:
    where = f"compositions/{move.composition.name}"
    try:
        return parse_state(text, where) if text.strip() else None
    except BrokenStateError as error:
        raise TfdriverError("is not a valid Terraform state", code="unreadable_state", where=where) from error


def _must_write(source: State, target: State | None, move: StateMove) -> bool:
    """Whether the target lacks this version of the state. Raises TfdriverError if it has another state.

    `terraform state push` gives the first state of a backend a new lineage, so the lineage of a state that a killed run
    has pushed differs. Source: hashicorp/terraform, `internal/states/remote/state.go` (PersistState).
    """
    if target is None:
        return True
    if target.lineage == source.lineage:
        return target.serial < source.serial
    if not target.managed:
        return True
    if (target.resources, target.outputs) == (source.resources, source.outputs):
        return False
    raise TfdriverError(
        f"{move}, but there is another state already",
        code="state_not_migrated",
        where=f"compositions/{move.composition.name}",
        hint="Compare both with `terraform show`; keep the right one, and move the other one away",
    )
