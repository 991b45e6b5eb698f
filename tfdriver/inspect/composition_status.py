"""What Terraform's state and files say of a composition: applied or not, when, by which versions. Reads only."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tfdriver.iam.trust_state import Unreadable
from tfdriver.inspect.drift import Drift
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.state import State


@dataclass(frozen=True)
class CompositionStatus:
    """A composition. applied: None if it can't be told; last_apply: UTC, when its state was last written.

    resources: how many it manages; problem: why something can't be told, or ''; drift: None if not looked for.
    current: whether its files are what `render` makes now, None if that can't be told.
    """

    name: str
    account: str
    side: str
    applied: bool | None
    resources: int = 0
    last_apply: datetime | None = None
    terraform: str = ""
    provider: str = ""
    problem: str = ""
    drift: Drift | None = None
    current: bool | None = None


def describe(
    composition: Composition, state: State | Unreadable | None, folder: Path, file: Path | None
) -> CompositionStatus:
    """Return what a composition's state says. folder: the composition's; file: the state's, None if it is not here."""
    found = CompositionStatus(
        composition.name,
        composition.account.name,
        str(composition.side),
        applied=None if isinstance(state, Unreadable) else False,
        provider=_provider(folder / ".terraform.lock.hcl"),
    )
    if isinstance(state, Unreadable):
        return replace(found, problem=state.reason)
    if state is None:
        return found
    version = str(state.body.get("terraform_version", ""))
    resources, at = state.managed, _written(file)
    return replace(found, applied=resources > 0, resources=resources, last_apply=at, terraform=version)


def _written(file: Path | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file else None
    except OSError:
        return None


def _provider(lock_file: Path) -> str:
    """Return the AWS provider's version that `terraform init` chose."""
    try:
        text = lock_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    block = re.search(r'provider "[^"]*/hashicorp/aws" \{(.*?)\n\}', text, re.DOTALL)
    version = re.search(r'^\s*version\s*=\s*"([^"]+)"', block[1], re.MULTILINE) if block else None
    return version[1] if version else ""
