"""A project's compositions on disk: what belongs there, checked before and written when it is time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tfdriver import applied, assets, folder, place, recover, revoke, state, statelock, timeline, values
from tfdriver.compositions import REVOKE, Composition, compositions
from tfdriver.errors import TfdriverError
from tfdriver.outside import read_json
from tfdriver.package import zip_folder
from tfdriver.patience import Patience
from tfdriver.render import render, tfvars
from tfdriver.spec.model import Spec
from tfdriver.state import State
from tfdriver.strays import FILE as IMPORTS
from tfdriver.strays import Stray, import_blocks

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
        text = render(composition, [self.spec.root / "templates", assets.templates()], optional)
        return {**text, VALUES: tfvars(dict(composition_values)), **packages}

    def wait_for_states(self, patience: Patience) -> None:
        """Return once no Terraform that somebody started by hand is at work on a local state.

        Raises TfdriverError, naming who is, if one still is then.
        """
        for composition in self.compositions:
            statelock.wait_for_local(self.path(composition), patience)

    def check(self) -> None:
        """Refuse to go on where something on disk would be lost or obeyed by mistake. Writes nothing.

        Raises TfdriverError for an edited generated file, a foreign file that Terraform would obey, a broken state.
        """
        folder.check_around(self.spec.root / "compositions")
        self._check_unnamed()
        for composition in self.compositions:
            path = self.path(composition)
            folder.check(path, self.files(composition, values.final(self.spec, composition)).keys())
            recover.check(path)

    def check_place(self) -> None:
        """Refuse states of resources in another account, or of another AWS, than a run here would look into.

        Writes nothing. Raises TfdriverError.
        """
        place.check(((c, self.path(c)) for c in self.compositions), local=self.local)

    def _check_unnamed(self) -> None:
        """Refuse while a state that no composition of the spec names still lists resources: they would be forgotten."""
        named = {composition.name for composition in self.compositions}
        for path in sorted((self.spec.root / "compositions").glob(f"*/{state.FILE}")):
            if path.parent.name not in named and applied.read(path.parent).applied:
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
        take_over: Iterable[Stray] = (),
    ) -> list[str]:
        """Write a composition, by default with the values of the end state; return the names of what changed.

        take_over: what the next apply is to import.
        """
        chosen = values.final(self.spec, composition) if composition_values is None else composition_values
        files = self.files(composition, chosen)
        if strays := list(take_over):
            files[IMPORTS] = import_blocks(strays)
        return folder.write(self.path(composition), files)

    def is_current(self, composition: Composition, now: datetime) -> bool:
        """Whether what lies on disk is what the spec, templates and modules make now. now: UTC.

        Raises TfdriverError for a bad template, or for files as `check` does.
        """
        path = self.path(composition)
        files = self.files(composition, self.final(composition, now))
        folder.check(path, files.keys())
        return folder.holds(path, files)

    def final(self, composition: Composition, now: datetime) -> dict[str, Any]:
        """Return the values of the end state, without asking AWS. now: UTC. Raises TfdriverError as `written` does.

        What revokes sessions, by what was last written, stays for as long as those may live.
        """
        return values.final(self.spec, composition, revoke_before=revoke.noted(self.written(composition), now))

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
        place.note(self.path(composition), place.place_of(composition.account, local=self.local))

    def has_state(self, composition: Composition) -> bool:
        """Whether the composition's state lists any resource, or that cannot be told from here."""
        return applied.read(self.path(composition)).applied is not False

    def unsure(self, composition: Composition) -> bool:
        """Whether AWS may hold more of a composition than its state lists: a crash, or an apply that did not end."""
        return recover.is_broken(self.path(composition)) or recover.unfinished(self.path(composition))

    def listed_roles(self) -> dict[str, frozenset[str] | None]:
        """Return the role ARNs that each composition's state lists, by its name; None where that can't be told."""
        return {c.name: self._listed(self.path(c)) for c in self.compositions}

    def local_state(self, composition: Composition) -> State | None:
        """Return a composition's state; None if there is none, or it can't be told from here."""
        path = self.path(composition)
        return state.read(path) if applied.read(path).applied is not None else None

    def _listed(self, path: Path) -> frozenset[str] | None:
        if applied.read(path).applied is None:
            return None
        found = state.read(path)
        return found.role_arns() if found else frozenset()

    def remove(self, composition: Composition) -> None:
        """Remove everything that tfdriver and Terraform left in a composition that was destroyed."""
        folder.remove(self.path(composition))
