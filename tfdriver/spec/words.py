"""How names and values out of a spec are put in words. Pure; no I/O."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST = 60


def shown(text: str) -> str:
    """Return text from outside in quotes: on one line, cut short, nothing in it that a terminal would obey."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    quoted = json.dumps(cut, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted)


def named(key: str) -> str:
    """Return a name as it stands if it is a plain one, else as `shown` has it."""
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum() and len(key) <= _LONGEST
    return key if plain else shown(key)


def dotted(path: Sequence[str | int]) -> str:
    """Return a key of the spec as people write it: `roles.foo_bar.trusts[0]`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{named(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def location(name: str, line: int, path: Sequence[str | int] = ()) -> str:
    """Return where something in a file is, e.g. `tfdriver.yaml:4: accounts.account_a.id`."""
    return f"{name}:{line}" + (f": {dotted(path)}" if path else "")


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Say which of the right names is meant, or which there are; '' if there are none."""
    names = list(dict.fromkeys(right))
    close = difflib.get_close_matches(wrong, names, n=1) or [n for n in names if n.lower() == wrong.lower()]
    if close:
        return f"Did you mean {named(close[0])}?"
    if not names:
        return ""
    few = ", ".join(named(n) for n in names[:12])
    return f"There {'is' if len(names) == 1 else 'are'} {few}{', ...' if len(names) > 12 else ''}"


def kind(value: Any) -> str:
    """Say what a value read from YAML or JSON is."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the bool {str(value).lower()}"
        case int() | float():
            return f"the number {shown(str(value))[1:-1]}"
        case str():
            return f"the text {shown(value)}"
        case dict():
            return "a mapping"
        case _:
            return "a list"
