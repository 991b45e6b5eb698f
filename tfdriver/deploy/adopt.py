"""Adopts orphaned resources, which an interrupted run created but did not save in the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.aws.resource_types import RESOURCE_TYPES
from tfdriver.deploy import orphan_search
from tfdriver.project.orphans import OrphanedResource, existing_addresses
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.runner import Root


class Adopter:
    """Finds orphaned resources of a composition and lets Terraform import them.

    note: prints a line; root: returns Terraform in a composition; check: raises to stop between steps.
    """

    def __init__(
        self,
        workspace: Workspace,
        aws: Calls,
        note: Callable[[str], None],
        root: Callable[[Composition], Root],
        check: Callable[[], None],
    ) -> None:
        self._workspace = workspace
        self._aws = aws
        self._note = note
        self._root = root
        self._check = check

    def to_import(
        self,
        composition: Composition,
        plan: Mapping[str, Any],
        *,
        may_adopt: bool,
        error: TerraformError | None = None,
    ) -> tuple[OrphanedResource, ...]:
        """Return the resources that a plan (as JSON) creates, that exist, and that the next plan should import.

        error: of an apply that failed because resources already exist. Raises TfdriverError for a resource that may not
        be adopted, and `error` itself if no orphaned resource explains it.
        """
        if not may_adopt:  # creating resources without tags again changes nothing, and their parent is checked
            untagged = {name for name, known in RESOURCE_TYPES.items() if not known.tagged}
            changes = plan.get("resource_changes", ())
            plan = {**plan, "resource_changes": [change for change in changes if change["type"] not in untagged]}
        found = orphan_search.find_orphans(composition, plan, self._aws)
        existing = existing_addresses(error.errors) if error else frozenset()
        orphan_search.refuse_unmanaged_resources(found, composition)
        orphan_search.refuse_unknown(found, existing, composition)
        orphan_search.refuse_moved(found, plan, composition)
        if not may_adopt:
            orphan_search.refuse_without_adopt(found, composition)
        if error is not None and not existing & {orphan.address for orphan in found.orphaned}:
            raise error
        self._note_adopted(composition, found.orphaned)
        return found.orphaned

    def find(self, composition: Composition, values: Mapping[str, Any]) -> tuple[OrphanedResource, ...]:
        """Return all orphaned resources of a prepared composition. values: its final values."""
        self._note(f"  {composition.name}: looking for resources missing from state")
        orphans: tuple[OrphanedResource, ...] = ()
        try:
            while True:
                self._check()
                self._workspace.write(composition, values, orphans)
                plan = self._root(composition).planned()
                found = orphan_search.find_orphans(composition, plan, self._aws).orphaned
                if not found:
                    return orphans
                orphans += found
        finally:
            self._workspace.write(composition, values)

    def import_all(self, composition: Composition, orphans: Iterable[OrphanedResource]) -> None:
        """Import orphaned resources into the state, to destroy them."""
        for orphan in orphans:
            self._check()
            self._note_adopted(composition, [orphan])
            self._workspace.keep_state(composition)
            self._root(composition).import_resource(orphan.address, orphan.import_id)

    def _note_adopted(self, composition: Composition, orphans: Iterable[OrphanedResource]) -> None:
        for orphan in orphans:
            self._note(f"  {composition.name}: adopting {orphan.type} {orphan.name}, which is missing from state")
