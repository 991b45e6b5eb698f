"""Formats names and values of a spec for messages. Pure; no I/O."""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST = 60
_FEW = 3


def quoted(text: str) -> str:
    """Return text from outside in quotes: shortened, on one line, without control characters.

    Letters of other alphabets are escaped: a Cyrillic one may look like a Latin one.
    """
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    escaped = json.dumps(cut, ensure_ascii=False)
    return "".join(c if c.isprintable() and not _is_foreign(c) else f"\\u{ord(c):04x}" for c in escaped)


def _is_foreign(character: str) -> bool:
    latin = character.isascii() or unicodedata.name(character, "").startswith("LATIN ")
    return character.isalpha() and not latin


def named(key: str) -> str:
    """Return a plain name unchanged, any other name quoted."""
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum() and len(key) <= _LONGEST
    return key if plain else quoted(key)


def dotted(path: Sequence[str | int]) -> str:
    """Return the path of a value in the spec, e.g. `roles.foo_bar.trusts[0]`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{named(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def location(name: str, line: int, path: Sequence[str | int] = ()) -> str:
    """Return a place in a file, e.g. `tfdriver.yaml:4: accounts.account_a.id`."""
    return f"{name}:{line}" + (f": {dotted(path)}" if path else "")


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Return a hint with the right name that is closest to `wrong`, or with all right names; '' without any."""
    names = list(dict.fromkeys(right))
    close = difflib.get_close_matches(wrong, names, n=1) or [n for n in names if n.lower() == wrong.lower()]
    if close:
        return f"Did you mean {named(close[0])}?"
    if not names:
        return ""
    first = ", ".join(named(n) for n in names[:12])
    return f"There {'is' if len(names) == 1 else 'are'} {first}{', ...' if len(names) > 12 else ''}"


def shortened(names: Iterable[str]) -> str:
    """Return names without repetitions as a list for people: `a, b and c`, or `a, b, c and 94 more`."""
    found = list(dict.fromkeys(names))
    if len(found) > _FEW + 1:
        found = [*found[:_FEW], f"{len(found) - _FEW} more"]
    *first, last = found or [""]
    return f"{', '.join(first)} and {last}" if first else last


def described(value: Any) -> str:
    """Return a description of a value of YAML or JSON, e.g. `the number 5`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the bool {str(value).lower()}"
        case int() | float():
            return f"the number {quoted(str(value))[1:-1]}"
        case str():
            return f"the text {quoted(value)}"
        case dict():
            return "a mapping"
        case _:
            return "a list"
