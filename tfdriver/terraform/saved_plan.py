"""A plan that Terraform saved in a file, so that exactly this plan can be checked and then applied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfdriver.terraform.events import TerraformOutcome
from tfdriver.terraform.failure import TerraformError, diagnostic_place


@dataclass(frozen=True)
class SavedPlan:
    """A saved plan. path: of its private file, which has values of the state; digest: of its content.

    outcome: of `terraform plan`; shown: the plan as JSON, {} for a plan without changes; destroy: whether it deletes
    all resources.
    """

    path: Path
    digest: str
    outcome: TerraformOutcome
    shown: Mapping[str, Any]
    destroy: bool = False

    def refuse_changed(self) -> None:
        """Raise TerraformError if the file is not the one that was checked."""
        if digest(self.path) != self.digest:
            raise TerraformError(
                f"{self.path.name} was changed after it was checked",
                code="plan_changed",
                where=diagnostic_place("apply", self.path.parents[1]),
                hint="Nothing of this plan was applied. Run the same command again",
            )

    def delete(self) -> None:
        """Delete the file, if possible: an error here must not hide why a run stops."""
        with suppress(OSError):
            self.path.unlink()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, '' if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
