"""Takes over what exists already and is ours: what a run made that did not live to write it down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.aws.resource_types import RESOURCE_TYPES
from tfdriver.deploy import orphan_search
from tfdriver.deploy.orphan_search import Survey
from tfdriver.project.orphans import OrphanedResource, existing_addresses
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.runner import Root


class Adopter:
    """Finds what exists of a composition and no state lists, and hands it to Terraform to import.

    note: prints what is adopted; root: gives Terraform in a composition; check: raises to stop between steps.
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

    def before_apply(self, composition: Composition, shown: Mapping[str, Any], *, may_adopt: bool) -> None:
        """Raise TfdriverError for what an apply would create and exists already, and may not be adopted.

        shown: the plan of that apply, as `terraform show -json` shows it. What has no tags of its own is left out: what
        it belongs to is looked at, and creating it again changes nothing.
        """
        untagged = {name for name, known in RESOURCE_TYPES.items() if not known.tagged}
        tagged = [change for change in shown.get("resource_changes", ()) if change["type"] not in untagged]
        found, _ = orphan_search.find_orphans_once(composition, {"resource_changes": tagged}, self._aws)
        orphan_search.refuse_unmanaged_resources(found, composition)
        orphan_search.refuse_moved(found, shown, composition)
        if not may_adopt:
            orphan_search.refuse_without_adopt(found, composition)

    def for_apply(
        self, composition: Composition, values: Mapping[str, Any], clash: TerraformError | None = None
    ) -> tuple[OrphanedResource, ...]:
        """Return what the next apply is to import.

        values: the composition's for now; clash: what an apply failed with because of such strays. Raises TfdriverError
        for what exists and is not ours; the clash itself if nothing was found that explains it.
        """
        found = self._survey(composition, values)
        clashing = existing_addresses(clash.errors) if clash else frozenset()
        orphan_search.refuse_unmanaged_resources(found, composition)
        orphan_search.refuse_unknown(found, clashing, composition)
        if clash is not None and not clashing & {stray.address for stray in found.ours}:
            raise clash
        return found.ours

    def for_destroy(self, composition: Composition, values: Mapping[str, Any]) -> None:
        """Write down in the state what exists, is ours and is not in it; leave what is somebody else's alone."""
        found = self._survey(composition, values)
        self._workspace.write(composition, values)
        for stray in found.ours:
            self._check()
            self._workspace.keep_state(composition)
            self._root(composition).import_resource(stray.address, stray.import_id)

    def _survey(self, composition: Composition, values: Mapping[str, Any]) -> Survey:
        self._note(f"  {composition.name}: looking for what an earlier run made and did not write down")

        def plan(take_over: tuple[OrphanedResource, ...]) -> Mapping[str, Any]:
            self._check()
            self._workspace.write(composition, values, take_over)
            return self._root(composition).planned()

        found = orphan_search.find_orphans(composition, plan, self._aws)
        for stray in found.ours:
            self._note(f"  {composition.name}: takes over {stray.type} {stray.name}, which exists and is ours")
        return found
