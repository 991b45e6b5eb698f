"""Plans the compositions of a project without credentials, in private copies of their folders."""

from __future__ import annotations

from pathlib import Path

from tfdriver.concurrency import side_by_side
from tfdriver.files import private_folder
from tfdriver.project import composition_folder, tfvars
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.initialized import copy_initialized
from tfdriver.terraform.offline_plan import OfflinePlan, offline_plan, offline_settings
from tfdriver.terraform.provider_installation import shares_cache
from tfdriver.terraform.runner import Root, Settings


def offline_plans(
    workspace: Workspace, compositions: tuple[Composition, ...], settings: Settings, private: Path
) -> dict[str, OfflinePlan]:
    """Return the offline plan of each composition, with its final values, by name.

    settings: of the run; private: a folder of this run only. Raises TfdriverError if a composition cannot be rendered
    or initialized. Writes nothing into the project.
    """
    copy = private / "offline"
    for path in (copy, copy / "compositions"):
        private_folder(path)
    for entry in workspace.spec.root.iterdir():  # modules are named by paths relative to the composition
        if entry.name != "compositions":
            (copy / entry.name).symlink_to(entry.absolute())
    offline = offline_settings(settings, settings.parallelism)

    def prepare(composition: Composition) -> None:
        folder = copy / "compositions" / composition.name
        composition_folder.write_folder(folder, workspace.files(composition, tfvars.final(workspace.spec, composition)))
        copy_initialized(workspace.path(composition), folder)
        Root(folder, settings).init(backend=False)

    def plan(composition: Composition) -> OfflinePlan:
        return offline_plan(copy / "compositions" / composition.name, composition.account, offline)

    limit = settings.parallelism
    try:
        side_by_side(prepare, compositions[:1], 1)  # the others can share its provider
        side_by_side(prepare, compositions[1:], 1 if shares_cache(settings.environment) else limit)
        found = side_by_side(plan, compositions, limit)
    finally:
        if offline.hosts:
            offline.hosts.close()
    return dict(zip([composition.name for composition in compositions], found, strict=True))
