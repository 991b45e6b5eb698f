"""A project's compositions on disk: what belongs there, checked before and written when it is time."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.files import read_json
from tfdriver.iam.trust_state import Unreadable
from tfdriver.project import assets, folder, place, recover, timeline, values
from tfdriver.project.lambda_zip import zip_folder
from tfdriver.project.orphans import FILE as IMPORTS
from tfdriver.project.orphans import OrphanedResource, import_blocks
from tfdriver.project.render import render, tfvars
from tfdriver.spec.compositions import REVOKE, Composition, compositions
from tfdriver.spec.model import Spec
from tfdriver.terraform import state
from tfdriver.terraform.backend import Backend, find_backend
from tfdriver.terraform.remote_state import Pull
from tfdriver.terraform.state import State

VALUES = "terraform.tfvars.json"


@dataclass(frozen=True)
class Workspace:
    """The folder `compositions/` of a project. local: see `place.is_local`."""

    spec: Spec
    local: bool = False

    @property
    def compositions(self) -> tuple[Composition, ...]:
        """The compositions of the spec, trusting ones first."""
        return compositions(self.spec)

    @property
    def timeline(self) -> Path:
        """The file that records who was trusted when; see `timeline`."""
        return self.spec.root / "compositions" / timeline.FILE

    def path(self, composition: Composition) -> Path:
        """Return the composition's folder."""
        return self.spec.root / "compositions" / composition.name

    def files(self, composition: Composition, composition_values: Mapping[str, Any]) -> dict[str, str | bytes]:
        """Return the content of every file of a composition, by name. Raises TfdriverError for a bad template."""
        packages = {f"{r.key}.zip": zip_folder(r.package) for r in composition.roles if r.package}
        optional = ("revoke.tf",) if REVOKE in composition_values else ()
        return {**self._text(composition, optional), VALUES: tfvars(dict(composition_values)), **packages}

    def _text(self, composition: Composition, optional: tuple[str, ...] = ()) -> dict[str, str]:
        return render(composition, [self.spec.root / "templates", assets.templates()], optional)

    @cached_property
    def backends(self) -> Mapping[str, Backend]:
        """Where the state of each composition is kept, by its name, as its templates say. Raises as `files`."""
        return {composition.name: find_backend(self._text(composition)) for composition in self.compositions}

    @property
    def kept_here(self) -> tuple[Composition, ...]:
        """The compositions whose state is `terraform.tfstate` in their folder."""
        return tuple(c for c in self.compositions if self.backends[c.name].beside)

    def state(self, composition: Composition, pull: Pull) -> State | None:
        """Return a composition's state from wherever it is kept, None if there is none; of a broken one, its copy.

        Raises TfdriverError where it cannot be read.
        """
        backend, path = self.backends[composition.name], self.path(composition)
        if backend.remote:
            return pull(composition, backend)
        if backend.beside:
            return recover.known_state(path)
        try:
            return state.read_state_file(path / backend.path)
        except state.BrokenStateError as error:
            raise TfdriverError("the state cannot be read", where=str(path / backend.path)) from error

    def states(
        self, pull: Pull, compositions: Iterable[Composition] | None = None
    ) -> dict[str, State | Unreadable | None]:
        """Return the state of each composition by its name, as `state` does, or why it cannot be read.

        compositions: all of them by default.
        """
        chosen = self.compositions if compositions is None else tuple(compositions)

        def read(composition: Composition) -> State | Unreadable | None:
            try:
                return self.state(composition, pull)
            except TfdriverError as error:
                return Unreadable(str(error).rstrip("."))

        return dict(zip([c.name for c in chosen], side_by_side(read, chosen), strict=True))

    def local_states(self) -> dict[str, State | None]:
        """Return the states that are in their compositions' folders, by composition name. Raises as `state`."""
        return {c.name: recover.known_state(self.path(c)) for c in self.kept_here}

    def state_file(self, composition: Composition) -> Path | None:
        """Return the file that holds a composition's state, which need not exist; None if a backend keeps it."""
        backend = self.backends[composition.name]
        return None if backend.remote else self.path(composition) / backend.path

    def check(self) -> None:
        """Refuse to go on where something on disk would be lost or obeyed by mistake. Writes nothing.

        Raises TfdriverError for an edited generated file, a foreign file that Terraform would obey, a broken state.
        """
        folder.check_around(self.spec.root / "compositions")
        self._check_unnamed()
        for composition in self.compositions:
            path = self.path(composition)
            folder.check_folder(path, self.files(composition, values.final(self.spec, composition)).keys())
            if composition in self.kept_here:
                recover.check_state_file(path)

    def check_migrated(self) -> None:
        """Refuse a local state that lists resources where the templates keep the state in a backend.

        Raises TfdriverError: the backend knows nothing of those resources.
        """
        for composition in self.compositions:
            path, backend = self.path(composition), self.backends[composition.name]
            if not backend.beside and _lists_resources(path):
                raise TfdriverError(
                    f"its state is in {state.FILE} there, but the templates keep it in backend {backend.kind}",
                    where=f"compositions/{composition.name}",
                    hint=f"Run `tfdriver render`, then `terraform -chdir={shlex.quote(str(path))} init "
                    "-migrate-state`, then the same command again",
                )

    def check_place(self, states: Mapping[str, State | Unreadable | None] | None = None) -> None:
        """Refuse states of resources in another account, or of another AWS, than a run here would look into.

        states: by composition name; None for those in the compositions' folders only. Writes nothing. Raises
        TfdriverError.
        """
        states = self.local_states() if states is None else states
        known = ((c, self.path(c), states[c.name]) for c in self.compositions if c.name in states)
        readable = ((c, path, found) for c, path, found in known if not isinstance(found, Unreadable))
        place.check_location(readable, local=self.local)

    def _check_unnamed(self) -> None:
        """Refuse while a state that no composition of the spec names still lists resources: they would be forgotten."""
        named = {composition.name for composition in self.compositions}
        for path in sorted((self.spec.root / "compositions").glob(f"*/{state.FILE}")):
            if path.parent.name not in named and _lists_resources(path.parent):
                raise TfdriverError(
                    "the spec has no such composition any more, but its state lists resources",
                    where=f"compositions/{path.parent.name}",
                    hint=f"Put its roles back into tfdriver.yaml and run `tfdriver destroy`, "
                    f"or run `terraform -chdir={path.parent} destroy`; then take them out",
                )

    def write(
        self,
        composition: Composition,
        composition_values: Mapping[str, Any] | None = None,
        take_over: Iterable[OrphanedResource] = (),
    ) -> list[str]:
        """Write a composition, by default with the values of the end state; return the names of what changed.

        take_over: what the next apply is to import.
        """
        chosen = values.final(self.spec, composition) if composition_values is None else composition_values
        files = self.files(composition, chosen)
        if strays := list(take_over):
            files[IMPORTS] = import_blocks(strays)
        return folder.write_folder(self.path(composition), files)

    def is_current(self, composition: Composition, now: datetime) -> bool | None:
        """Whether what lies on disk is what the spec, templates and modules make now; None where nothing does.

        now: UTC. Raises TfdriverError for a bad template, or for files as `check` does.
        """
        path = self.path(composition)
        if not (path / VALUES).exists():
            return None
        files = self.files(composition, self.final(composition, now))
        folder.check_folder(path, files.keys())
        return folder.is_up_to_date(path, files)

    def final(self, composition: Composition, now: datetime) -> dict[str, Any]:
        """Return the values of the end state, without asking AWS. now: UTC. Raises TfdriverError as `written` does.

        What revokes sessions, by what was last written, stays for as long as those may live.
        """
        return values.final(
            self.spec, composition, revoke_before=values.noted_revocations(self.written(composition), now)
        )

    def written(self, composition: Composition) -> dict[str, Any]:
        """Return the values that a composition was last written with, {} if it was not. For one that was checked.

        Raises TfdriverError for a file that holds no values: a digest that fits can be put above anything.
        """
        path = self.path(composition) / VALUES
        try:
            return dict(read_json(path.read_bytes())) if path.exists() else {}
        except (ValueError, TypeError) as error:
            raise TfdriverError("holds no values", where=str(path), hint="Delete it and run again") from error

    def keep_state(self, composition: Composition) -> None:
        """Note where a run is about to change things, and keep the state as it is before: it is rewritten in place."""
        recover.keep(self.path(composition))
        place.note_location(self.path(composition), place.place_of(composition.account, local=self.local))

    def interrupted(self, states: Mapping[str, State | Unreadable | None]) -> frozenset[str]:
        """Return the names of the compositions of which AWS may hold more than the state lists.

        A run was interrupted there, as this folder or the state shows. states: by composition name.
        """
        return frozenset(c.name for c in self.compositions if self._interrupted(c, states[c.name]))

    def _interrupted(self, composition: Composition, found: State | Unreadable | None) -> bool:
        """Whether a run was interrupted in one composition.

        Every apply that ends writes the outputs of `output.tf.j2`; a state without them is of one that did not, on
        whatever machine that was.
        """
        path = self.path(composition)
        if composition in self.kept_here and recover.is_broken(path):
            return True
        unended = isinstance(found, State) and bool(found.managed) and not found.outputs
        return unended or recover.unfinished(path)

    def repair(self, composition: Composition, now: datetime) -> str:
        """Put the newest good copy in the place of a broken local state; return what was done, or ''. now: UTC."""
        return recover.repair_state(self.path(composition), now) if composition in self.kept_here else ""

    def remove(self, composition: Composition) -> None:
        """Remove everything that tfdriver and Terraform left in a composition that was destroyed."""
        folder.remove(self.path(composition))


def _lists_resources(path: Path) -> bool:
    try:
        found = state.read_state(path)
    except (state.BrokenStateError, TfdriverError):
        return False
    return found is not None and bool(found.managed)
