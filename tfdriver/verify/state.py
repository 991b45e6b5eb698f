"""Reads a composition's state, which Terraform stores beside it or in a backend."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfdriver.errors import TfdriverError

STATE = "terraform.tfstate"
_LIMIT = 120  # seconds


def read(folder: Path, terraform: Sequence[str], environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the state of the composition in a folder, {} if there is none.

    terraform, environment: the program and its whole environment, used where `terraform init` has set up a backend:
    `terraform state pull` needs no provider and changes nothing. Raises TfdriverError.
    """
    path = folder / STATE
    try:
        if _has_backend(folder):
            return _parsed(_pull(folder, terraform, environment), folder)
        return _parsed(path.read_text(encoding="utf-8"), folder) if path.exists() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise TfdriverError(f"cannot read the state: {error}", where=str(path)) from error


def _has_backend(folder: Path) -> bool:
    """Return whether a template has a backend block: only then does `terraform init` note a backend here."""
    try:
        noted = json.loads((folder / ".terraform" / STATE).read_text(encoding="utf-8"))
        return bool(noted["backend"]["type"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _pull(folder: Path, terraform: Sequence[str], environment: Mapping[str, str]) -> str:
    command = [*terraform, "state", "pull"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TfdriverError(f"no answer in {_LIMIT} s", where=f"terraform state pull in {folder.name}") from error
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise TfdriverError(f"cannot pull the state: {said}", where=f"terraform state pull in {folder.name}")
    return done.stdout


def _parsed(text: str, folder: Path) -> Mapping[str, Any]:
    try:
        state = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise TfdriverError("the state is cut off", where=f"{folder.name}/{STATE}") from error
    if not isinstance(state, dict) or (state and state.get("version") != 4):
        raise TfdriverError("the state is not of version 4", where=f"{folder.name}/{STATE}")
    return state
