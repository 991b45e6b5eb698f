"""Durations as people write them. Pure; no I/O."""

from __future__ import annotations

import re
from datetime import timedelta

from tfdriver.spec.names import Reason
from tfdriver.spec.words import shown

DEFAULT_OPEN_FOR = "1h"

_DURATION = re.compile(r"(?=.)(?:(?P<hours>[0-9]{1,6})h)?(?:(?P<minutes>[0-9]{1,6})m)?(?:(?P<seconds>[0-9]{1,6})s)?")
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=12)


def parse_duration(text: str) -> timedelta:
    """Return the time that `90s`, `5m`, `1h30m` or `0s` means. Raises ValueError for any other text."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a time")
    return timedelta(**{unit: int(number) for unit, number in found.groupdict("0").items()})


def open_for(text: str) -> Reason | None:
    """Check an `open_for:`. Returns None if it is good: between one minute and 12 hours."""
    try:
        time = parse_duration(text)
    except ValueError as error:
        return Reason(str(error), "Write numbers with h, m or s, e.g. 90s, 30m or 1h30m")
    if not _SHORTEST <= time <= _LONGEST:
        return Reason(f"{text} is too {'short' if time < _SHORTEST else 'long'}", "Write 1m to 12h")
    return None
