"""Reads a composition's state, which Terraform stores beside it or in a backend."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfdriver import state
from tfdriver.errors import TfdriverError
from tfdriver.state import BrokenStateError, noted_backend, parse

_LIMIT = 120  # seconds


def read(folder: Path, terraform: Sequence[str], environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the state of the composition in a folder, as Terraform stores it; {} if there is none.

    terraform, environment: the program and its whole environment, used where `terraform init` has set up a backend:
    `terraform state pull` needs no provider and changes nothing. Raises TfdriverError.
    """
    try:
        if noted_backend(folder):
            text = _pull(folder, terraform, environment)
            found = parse(text, f"the state of {folder.name}") if text.strip() else None
        else:
            found = state.read(folder)
    except BrokenStateError as error:
        raise TfdriverError("the state is cut off", where=f"{folder.name}/{state.FILE}") from error
    except OSError as error:
        raise TfdriverError(f"cannot read the state: {error}", where=folder.name) from error
    return found.body if found else {}


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
