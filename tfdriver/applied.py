"""What Terraform's files beside a composition say of it: applied or not, when, by which versions. Reads only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STATE = "terraform.tfstate"


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
    kept_in = backend(folder)
    if kept_in != "local":
        return Applied(None, provider=provider, problem=f"the state is kept in backend {kept_in}")
    state = folder / STATE
    try:
        body, written = json.loads(state.read_text(encoding="utf-8")), state.stat().st_mtime
        resources = sum(len(r["instances"]) for r in body["resources"] if r["mode"] == "managed")
        version = str(body["terraform_version"])
    except FileNotFoundError:
        return Applied(False, provider=provider)
    except (OSError, ValueError, KeyError, TypeError):
        return Applied(None, provider=provider, problem=f"the state cannot be read: {state}")
    return Applied(resources > 0, resources, datetime.fromtimestamp(written, UTC), version, provider)


def backend(folder: Path) -> str:
    """Return the backend that `terraform init` configured in a composition's folder, `local` if none."""
    try:
        body: Any = json.loads((folder / ".terraform" / STATE).read_text(encoding="utf-8"))
        return str(body["backend"]["type"])
    except (OSError, ValueError, KeyError, TypeError):
        return "local"


def _provider(lock_file: Path) -> str:
    """Return the AWS provider's version that `terraform init` chose."""
    try:
        text = lock_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    block = re.search(r'provider "[^"]*/hashicorp/aws" \{(.*?)\n\}', text, re.DOTALL)
    version = re.search(r'^\s*version\s*=\s*"([^"]+)"', block[1], re.MULTILINE) if block else None
    return version[1] if version else ""
