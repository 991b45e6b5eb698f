"""Placeholders such as `{account_id}` in texts of the spec. Pure; no I/O.

A word of letters, digits, _ and - in braces is a placeholder. `{{word}}` stands for the text `{word}`. Everything else
is literal: `${word}`, `%{word}`, `{}`, JSON.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tfdriver.spec.message_text import nearest, quoted
from tfdriver.spec.names import Reason
from tfdriver.spec.yaml_reader import Path

_PLACEHOLDER = re.compile(r"(?<![$%])(?<![$%]\{)(\{)?\{([A-Za-z0-9_-]+)\}(?(1)\})")


def placeholder_problem(text: str, known: Collection[str]) -> Reason | None:
    """Return why a text with placeholders is invalid, or None: one of them is not known."""
    for found in _PLACEHOLDER.finditer(text):
        if not found[1] and found[2] not in known:
            return Reason(f"there is no placeholder {quoted(found[0])}", nearest(found[2], known))
    return None


def placeholder_problems(value: Any, known: Collection[str]) -> Iterator[tuple[Path, Reason]]:
    """Yield each unknown placeholder in the texts of a JSON value, with the text's path in the value."""
    match value:
        case str():
            if reason := placeholder_problem(value, known):
                yield (), reason
        case list() | Mapping():
            parts = value.items() if isinstance(value, Mapping) else enumerate(value)
            for name, part in parts:
                yield from (((name, *path), reason) for path, reason in placeholder_problems(part, known))


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return a JSON value with the placeholders of all its texts filled in. values: by name; unknown ones stay."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda found: found[0][1:-1] if found[1] else values.get(found[2], found[0]), value)
        case list():
            return [filled(item, values) for item in value]
        case Mapping():
            return {name: filled(item, values) for name, item in value.items()}
    return value
