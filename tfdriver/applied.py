"""What Terraform's files beside a composition say of it: applied or not, when, by which versions. Reads only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tfdriver import state
from tfdriver.errors import TfdriverError


@dataclass(frozen=True)
class Applied:
    """A composition's state. applied: None if it can't be told; resources: how many are managed; problem: why not.

    at: UTC, when the state was last written; terraform, provider: versions, '' if not known.
    """

    applied: bool | None
    resources: int = 0
    at: datetime | None = None
    terraform: str = ""
    provider: str = ""
    problem: str = ""


def read(folder: Path) -> Applied:
    """Return what the files in a composition's folder (which need not exist) say."""
    provider = _provider(folder / ".terraform.lock.hcl")
    backend = state.kept_elsewhere(folder)
    if backend:
        return Applied(None, provider=provider, problem=f"the state is kept in backend {backend}")
    path = folder / state.FILE
    try:
        found = state.read(folder)
        if found is None:
            return Applied(False, provider=provider)
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, state.BrokenStateError, TfdriverError):
        return Applied(None, provider=provider, problem=f"the state cannot be read: {path}")
    version = str(found.body.get("terraform_version", ""))
    return Applied(found.managed > 0, found.managed, written, version, provider)


def _provider(lock_file: Path) -> str:
    """Return the AWS provider's version that `terraform init` chose."""
    try:
        text = lock_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    block = re.search(r'provider "[^"]*/hashicorp/aws" \{(.*?)\n\}', text, re.DOTALL)
    version = re.search(r'^\s*version\s*=\s*"([^"]+)"', block[1], re.MULTILINE) if block else None
    return version[1] if version else ""
