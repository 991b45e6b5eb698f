"""JSON that others wrote: Terraform, programs, files that anybody may have touched. Pure; no I/O."""

from __future__ import annotations

import json
from typing import Any


class NotJsonError(ValueError):
    """A text from outside is no JSON that can be read."""


def read_json(text: str | bytes) -> Any:
    """Return what a JSON text says; bytes are UTF-8 without a byte order mark, as Terraform wants them too.

    Raises NotJsonError, also for a text that is nested too deeply to be read and for the NaN that only Python knows.
    """
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
