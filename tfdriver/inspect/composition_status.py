"""Whether and when a composition was applied, from its state; versions, also from its lock file. Reads only."""

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
    """The status of a composition.

    applied: None if the state is unreadable; resources: number of managed ones; last_apply: UTC, when the state file
    was last written, None for a backend; terraform: the version that wrote the state; provider: the version that
    `terraform init` selected; both '' if unknown; problem: '' for none; drift: None if not checked; current: whether
    spec, templates and packages are as they were last applied, None if unknown; locked: who holds the lock on a state
    in S3, or ''.
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
    locked: str = ""


def describe(
    composition: Composition, state: State | Unreadable | None, folder: Path, file: Path | None
) -> CompositionStatus:
    """Summarize a composition's state. folder: its folder; file: its state file, None for a backend."""
    found = CompositionStatus(
        composition.name,
        composition.account.name,
        str(composition.side),
        applied=None if isinstance(state, Unreadable) else False,
        provider=_provider_version(folder / ".terraform.lock.hcl"),
    )
    if isinstance(state, Unreadable):
        return replace(found, problem=state.reason)
    if state is None:
        return found
    version = str(state.body.get("terraform_version", ""))
    resources, at = state.managed, _modified(file)
    return replace(found, applied=resources > 0, resources=resources, last_apply=at, terraform=version)


def _modified(file: Path | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file else None
    except OSError:
        return None


def _provider_version(lock_file: Path) -> str:
    """Return the AWS provider's version that `terraform init` selected, '' if unknown."""
    try:
        text = lock_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    block = re.search(r'provider "[^"]*/hashicorp/aws" \{(.*?)\n\}', text, re.DOTALL)
    version = re.search(r'^\s*version\s*=\s*"([^"]+)"', block[1], re.MULTILINE) if block else None
    return version[1] if version else ""
