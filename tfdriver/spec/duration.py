"""How long a broad trust may stay open, as people write it. Pure; no I/O."""

from __future__ import annotations

import re
from datetime import timedelta

from tfdriver.spec.names import Reason
from tfdriver.spec.words import shown

_OPEN_FOR = re.compile(r"([0-9]{1,6})([smh])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=12)


def parse_open_for(text: str) -> timedelta:
    """Return the time that `90s`, `30m` or `1h` means. Raises ValueError unless `open_for(text)` is None."""
    found = _OPEN_FOR.fullmatch(text)
    if not found:
        raise ValueError(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def open_for(text: str) -> Reason | None:
    """Check an `open_for:`. Returns None if it is good: between one minute and 12 hours."""
    if not _OPEN_FOR.fullmatch(text):
        return Reason(f"{shown(text)} is not a time", "Write a number and s, m or h, e.g. 90s, 30m or 1h")
    if not _SHORTEST <= parse_open_for(text) <= _LONGEST:
        return Reason(f"{text} is too {'short' if parse_open_for(text) < _SHORTEST else 'long'}", "Write 1m to 12h")
    return None
