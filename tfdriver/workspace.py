"""A project's compositions on disk: what belongs there, checked before and written when it is time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfdriver import assets, folder, timeline, values
from tfdriver.compositions import Composition, compositions
from tfdriver.errors import TfdriverError
from tfdriver.package import zip_folder
from tfdriver.render import render, tfvars
from tfdriver.spec.model import Spec
from tfdriver.terraform import RUN_FOLDER

VALUES = "terraform.tfvars.json"
STATE = "terraform.tfstate"


@dataclass(frozen=True)
class Workspace:
    """The folder `compositions/` of a project."""

    spec: Spec

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
        text = render(composition, [self.spec.root / "templates", assets.templates()])
        return {**text, VALUES: tfvars(dict(composition_values)), **packages}

    def check(self) -> None:
        """Refuse to go on where something on disk would be lost or obeyed by mistake. Writes nothing.

        Raises TfdriverError for an edited generated file, a foreign file that Terraform would obey, a broken state.
        """
        for composition in self.compositions:
            path = self.path(composition)
            folder.check(path, self.files(composition, values.final(self.spec, composition)).keys())
            _check_state(path / STATE)
            errored = path / "errored.tfstate"
            if errored.exists() and errored.stat().st_size:
                raise TfdriverError(
                    "Terraform could not save its state and left it in this file",
                    where=str(errored),
                    hint=f"Run `terraform state push errored.tfstate` in {path}, then delete the file",
                )

    def write(self, composition: Composition, composition_values: Mapping[str, Any] | None = None) -> list[str]:
        """Write a composition, by default with the values of the end state; return the names of what changed."""
        chosen = values.final(self.spec, composition) if composition_values is None else composition_values
        return folder.write(self.path(composition), self.files(composition, chosen))

    def keep_state(self, composition: Composition) -> None:
        """Keep a copy of the state as it is before a run: Terraform cuts and rewrites it in place.

        Source: hashicorp/terraform#34266.
        """
        state = self.path(composition) / STATE
        if state.is_file():
            kept = self.path(composition) / RUN_FOLDER / f"{STATE}.before"
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            kept.unlink(missing_ok=True)
            kept.touch(mode=0o600)
            shutil.copyfile(state, kept)

    def has_state(self, composition: Composition) -> bool:
        """Whether the composition's state lists any resource."""
        state = self.path(composition) / STATE
        return state.is_file() and bool(json.loads(state.read_text(encoding="utf-8")).get("resources"))

    def remove(self, composition: Composition) -> None:
        """Remove everything that tfdriver and Terraform left in a composition that was destroyed."""
        folder.remove(self.path(composition))


def _check_state(state: Path) -> None:
    if state.is_symlink() or (state.exists() and not state.is_file()):
        raise TfdriverError("the state is not a plain file", where=str(state), hint="Put the state back in its place")
    if not state.exists():
        return
    hint = f"Put the copy {state.parent / RUN_FOLDER / STATE}.before or {state}.backup in its place, then run again"
    try:
        body = json.loads(state.read_text(encoding="utf-8"))
        if body["version"] != 4:
            raise TfdriverError(f"state version {body['version']} is not known", where=str(state), hint=hint)
    except OSError as error:
        raise TfdriverError(f"cannot read the state: {error.strerror}", where=str(state), hint=hint) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TfdriverError("the state is empty or cut off", where=str(state), hint=hint) from error
