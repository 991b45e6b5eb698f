"""What Terraform's state and files say of a composition: applied or not, when, by which versions. Reads only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tfdriver.iam.trust_state import Unreadable
from tfdriver.terraform.state import State


@dataclass(frozen=True)
class Applied:
    """A composition's state. applied: None if it cannot be read; resources: how many are managed; problem: why not.

    at: UTC, when the state was last written, None if it is not a file here; terraform, provider: versions, '' if not
    known.
    """

    applied: bool | None
    resources: int = 0
    at: datetime | None = None
    terraform: str = ""
    provider: str = ""
    problem: str = ""


def describe(state: State | Unreadable | None, folder: Path, file: Path | None) -> Applied:
    """Return what a composition's state says. folder: the composition's; file: the state's, None if it is not here."""
    provider = _provider(folder / ".terraform.lock.hcl")
    if isinstance(state, Unreadable):
        return Applied(None, provider=provider, problem=state.reason)
    if state is None:
        return Applied(False, provider=provider)
    version = str(state.body.get("terraform_version", ""))
    return Applied(state.managed > 0, state.managed, _written(file), version, provider)


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
