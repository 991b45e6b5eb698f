"""Reads a composition's state, which Terraform stores beside it or in a backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfdriver import state
from tfdriver.errors import TfdriverError
from tfdriver.state import BrokenStateError, noted_backend, parse


def read(folder: Path, pull: Callable[[], str]) -> Mapping[str, Any]:
    """Return the state of the composition in a folder, as Terraform stores it; {} if there is none.

    pull: gives its text, asked where `terraform init` has set up a backend (`Root.pull_state`). Raises TfdriverError.
    """
    try:
        if noted_backend(folder):
            text = pull()
            found = parse(text, f"the state of {folder.name}") if text.strip() else None
        else:
            found = state.read(folder)
    except BrokenStateError as error:
        raise TfdriverError("the state is cut off", where=f"{folder.name}/{state.FILE}") from error
    except OSError as error:
        raise TfdriverError(f"cannot read the state: {error}", where=folder.name) from error
    return found.body if found else {}
