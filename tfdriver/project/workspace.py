"""A project's compositions on disk: rendering, checking and writing them, and their states."""

from __future__ import annotations

import hashlib
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
from tfdriver.project import assets, composition_folder, crash_recovery, state_account, timeline
from tfdriver.project import tfvars as values
from tfdriver.project.lambda_zip import zip_folder
from tfdriver.project.orphans import FILE as IMPORTS
from tfdriver.project.orphans import OrphanedResource, import_blocks
from tfdriver.project.render import render, tfvars
from tfdriver.project.selection import Shard
from tfdriver.spec.compositions import REVOKE, Composition, compositions
from tfdriver.spec.model import Account, Spec
from tfdriver.terraform import state
from tfdriver.terraform.backend import Backend, find_backend, recorded_backend
from tfdriver.terraform.remote_state import Pull
from tfdriver.terraform.state import State

VALUES = "terraform.tfvars.json"


@dataclass(frozen=True)
class Workspace:
    """The folder `compositions/` of a project. local: see `state_account.is_local`.

    accounts: those that the run covers, None for all; shard: of the compositions in these accounts, None for all.
    """

    spec: Spec
    local: bool = False
    accounts: tuple[Account, ...] | None = None
    shard: Shard | None = None

    @cached_property
    def of_all_shards(self) -> tuple[Composition, ...]:
        """The compositions in the accounts that the run covers, trusting ones first."""
        return tuple(c for c in compositions(self.spec) if self.accounts is None or c.account in self.accounts)

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """The compositions that the run covers, trusting ones first."""
        return tuple(c for c in self.of_all_shards if self.shard is None or self.shard.includes(c.name))

    @cached_property
    def own_accounts(self) -> tuple[Account, ...]:
        """The accounts of the compositions that the run covers, in the order of the spec."""
        own = {composition.account.name for composition in self.compositions}
        return tuple(account for account in self.spec.accounts.values() if account.name in own)

    @property
    def first_accounts(self) -> tuple[Account, ...] | None:
        """The accounts to access first, None for all: a shard accesses others only for roles that it needs."""
        return self.own_accounts if self.shard else None

    @cached_property
    def unseen(self) -> Mapping[str, Composition]:
        """The compositions that the run does not cover, by the ARNs of their roles."""
        others = (c for c in compositions(self.spec) if self.accounts is not None and c.account not in self.accounts)
        return {role.arn: c for c in others for role in c.roles}

    @property
    def timeline(self) -> Path:
        """The path of the timeline."""
        return self.spec.root / "compositions" / timeline.FILE

    def path(self, composition: Composition) -> Path:
        """Return the composition's folder."""
        return self.spec.root / "compositions" / composition.name

    def files(self, composition: Composition, composition_values: Mapping[str, Any]) -> dict[str, str | bytes]:
        """Return the content of each file of a composition, by name. Raises TfdriverError for an invalid template."""
        fixed = self._fixed_files(composition)
        known = {**composition_values, "digest": self._digest(composition, fixed)}
        optional = self._render(composition, ("revoke.tf",)) if REVOKE in composition_values else {}
        return {**fixed, **optional, VALUES: tfvars(known)}

    def _fixed_files(self, composition: Composition) -> dict[str, str | bytes]:
        """Return the files of a composition that are the same in all phases."""
        packages = {f"{r.label}.zip": zip_folder(r.package) for r in composition.roles if r.package}
        return {**self._render(composition), **packages}

    def _digest(self, composition: Composition, fixed: Mapping[str, str | bytes]) -> str:
        """Return the SHA-256 of a composition: of its files with their final values, without revocations."""
        files = {**fixed, VALUES: tfvars(values.final(self.spec, composition))}
        found = hashlib.sha256()
        for name, content in sorted(files.items()):
            data = content.encode() if isinstance(content, str) else content
            found.update(f"{name} {len(data)}\n".encode() + data)
        return found.hexdigest()

    def _render(self, composition: Composition, optional: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the rendered files. They are rendered once: a template that is edited has no effect on a run."""
        known = self._rendered.get((composition.name, optional))
        if known is None:
            known = render(composition, [self.spec.root / "templates", assets.templates()], optional)
            self._rendered[composition.name, optional] = known
        return known

    @cached_property
    def _rendered(self) -> dict[tuple[str, tuple[str, ...]], dict[str, str]]:
        """What `_render` has returned, by composition and optional files."""
        return {}

    @cached_property
    def backends(self) -> Mapping[str, Backend]:
        """The backend of each composition, by name, from its templates. Raises as `files`."""
        return {composition.name: find_backend(self._render(composition)) for composition in self.compositions}

    @cached_property
    def kept_here(self) -> tuple[Composition, ...]:
        """The compositions with their state in `terraform.tfstate` in their folder."""
        return tuple(filter(self._is_kept_here, self.compositions))

    def _is_kept_here(self, composition: Composition) -> bool:
        return self.backends[composition.name].beside

    def _backend(self, composition: Composition) -> Backend:
        """Return the backend of a composition, which may be in another shard."""
        return self.backends.get(composition.name) or find_backend(self._render(composition))

    def state(self, composition: Composition, pull: Pull) -> State | None:
        """Return a composition's state from its backend, None without one. A broken local state is read from its copy.

        Raises TfdriverError for an unreadable state.
        """
        backend, path = self._backend(composition), self.path(composition)
        if former := self.former_backend(composition):
            what, hint = f"its state is still in {former.place}", "Run `tfdriver up`, which moves it"
            raise TfdriverError(what, code="state_not_migrated", hint=hint)
        if backend.remote:
            return pull(composition, backend)
        if backend.beside:
            return crash_recovery.known_state(path)
        try:
            return state.read_state_file(path / backend.path)
        except state.BrokenStateError as error:
            raise TfdriverError(
                "the state is not valid", code="unreadable_state", where=str(path / backend.path)
            ) from error

    def states(
        self, pull: Pull, limit: int, compositions: Iterable[Composition] | None = None
    ) -> dict[str, State | Unreadable | None]:
        """Return the state of each composition by name, or why it is unreadable. compositions: all by default.

        limit: how many states are read at once.
        """
        chosen = self.compositions if compositions is None else tuple(compositions)

        def read(composition: Composition) -> State | Unreadable | None:
            try:
                return self.state(composition, pull)
            except TfdriverError as error:
                return Unreadable(str(error).rstrip("."))

        return dict(zip([c.name for c in chosen], side_by_side(read, chosen, limit), strict=True))

    def local_states(self) -> dict[str, State | None]:
        """Return the states in compositions' folders, by composition name. Raises as `state`."""
        return {c.name: crash_recovery.known_state(self.path(c)) for c in self.kept_here}

    def state_file(self, composition: Composition) -> Path | None:
        """Return the path of a composition's state, which may be missing; None for a remote backend."""
        backend = self.backends[composition.name]
        return None if backend.remote else self.path(composition) / backend.path

    def check(self) -> None:
        """Refuse compositions whose files would be lost or loaded by mistake. Writes nothing.

        Raises TfdriverError as `composition_folder.check_folder` and `crash_recovery.check_state_file`, and for a
        composition that is no longer in the spec.
        """
        composition_folder.check_parent(self.spec.root / "compositions")
        own = self.spec.root / "templates" / "backend.tf.j2"
        if self.spec.state and own.exists():
            hint = "Delete it: `state:` writes the backend block"
            raise TfdriverError("conflicts with `state:`", code="invalid_template", where=str(own), hint=hint)
        self._check_removed()
        for composition in self.compositions:
            path = self.path(composition)
            composition_folder.check_folder(path, self.files(composition, values.final(self.spec, composition)).keys())
            if self._is_kept_here(composition):
                crash_recovery.check_state_file(path)

    def former_backend(self, composition: Composition) -> Backend | None:
        """Return where a composition's state was kept before, if that is not where the templates say; else None.

        It is known from a local state with resources, and from Terraform's record of the backend.
        """
        path, backend = self.path(composition), self._backend(composition)
        if not backend.beside and _lists_resources(path):
            return Backend()
        recorded = recorded_backend(path)
        return None if recorded is None or recorded.keeps_the_same(backend) else recorded

    def check_place(self, states: Mapping[str, State | Unreadable | None] | None = None) -> None:
        """Refuse states whose resources are in another account, region or local AWS. Writes nothing.

        states: by composition name, by default those in compositions' folders. Raises TfdriverError.
        """
        states = self.local_states() if states is None else states
        known = ((c, self.path(c), states[c.name]) for c in self.compositions if c.name in states)
        readable = ((c, path, found) for c, path, found in known if not isinstance(found, Unreadable))
        state_account.check_location(readable, local=self.local)

    def _check_removed(self) -> None:
        """Refuse a state with resources whose composition is no longer in the spec."""
        named = {composition.name for composition in compositions(self.spec)}
        for path in sorted((self.spec.root / "compositions").glob(f"*/{state.FILE}")):
            if path.parent.name not in named and _lists_resources(path.parent):
                raise TfdriverError(
                    "this composition is no longer in the spec, but its state lists resources",
                    code="stale_composition",
                    where=f"compositions/{path.parent.name}",
                    hint="Restore its roles in tfdriver.yaml and run `tfdriver destroy`, "
                    f"or run `terraform -chdir={path.parent} destroy`; then remove the roles",
                )

    def write(
        self,
        composition: Composition,
        composition_values: Mapping[str, Any] | None = None,
        orphans: Iterable[OrphanedResource] = (),
    ) -> list[str]:
        """Write a composition, by default with the final values; return the names of changed files.

        orphans: resources for the next apply to import.
        """
        chosen = values.final(self.spec, composition) if composition_values is None else composition_values
        files = self.files(composition, chosen)
        if adopted := list(orphans):
            files[IMPORTS] = import_blocks(adopted)
        return composition_folder.write_folder(self.path(composition), files)

    def is_current(self, composition: Composition, found: State) -> bool:
        """Whether spec, templates and packages are as they were when a composition was last applied.

        False after an apply that has failed or was interrupted here: Terraform writes outputs that do not depend on the
        changed resources all the same.

        found: its state. Raises TfdriverError for an invalid template, or as `composition_folder.check_folder`.
        """
        applied, fixed = found.outputs.get("applied"), self._fixed_files(composition)  # see templates/applied.tf.j2
        composition_folder.check_folder(self.path(composition), {*fixed, VALUES})
        if not isinstance(applied, Mapping) or self._was_interrupted(composition, found):
            return False
        return bool(applied.get("digest") == self._digest(composition, fixed))

    def final(self, composition: Composition, now: datetime) -> dict[str, Any]:
        """Return the final values without calling AWS. now: UTC.

        Revocations in the last written values stay until the longest session has ended: not even an apply by hand may
        end them too early. Raises TfdriverError for an invalid file: a right digest does not prove valid JSON.
        """
        path = self.path(composition) / VALUES
        try:
            written = dict(read_json(path.read_bytes())) if path.exists() else {}
        except (ValueError, TypeError) as error:
            raise TfdriverError(
                "is not a valid tfvars JSON object",
                code="edited_file",
                where=str(path),
                hint="Delete it and run the same command again",
            ) from error
        return values.final(self.spec, composition, revoke_before=values.noted_revocations(composition, written, now))

    def keep_state(self, composition: Composition) -> None:
        """Record the location of an apply, and keep a copy of the state, which Terraform rewrites in place."""
        crash_recovery.keep(self.path(composition))
        state_account.note_location(
            self.path(composition), state_account.place_of(composition.account, local=self.local)
        )

    def interrupted(self, states: Mapping[str, State | Unreadable | None]) -> frozenset[str]:
        """Return the names of compositions in which a run was interrupted: AWS may have resources missing from state.

        states: by composition name.
        """
        return frozenset(c.name for c in self.compositions if self._was_interrupted(c, states[c.name]))

    def _was_interrupted(self, composition: Composition, found: State | Unreadable | None) -> bool:
        path = self.path(composition)
        if self._is_kept_here(composition) and crash_recovery.is_broken(path):
            return True
        incomplete = isinstance(found, State) and bool(found.managed) and not found.complete
        return incomplete or crash_recovery.unfinished(path)

    def repair(self, composition: Composition, now: datetime) -> str:
        """Replace a broken local state by the newest valid copy; return a note, or ''. now: UTC."""
        return crash_recovery.repair_state(self.path(composition), now) if self._is_kept_here(composition) else ""

    def remove(self, composition: Composition) -> None:
        """Delete the files of tfdriver and Terraform in a destroyed composition."""
        composition_folder.remove(self.path(composition))


def _lists_resources(path: Path) -> bool:
    try:
        found = state.read_state(path)
    except (state.BrokenStateError, TfdriverError):
        return False
    return found is not None and bool(found.managed)
