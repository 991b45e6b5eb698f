"""Durations such as `1h30m`. Pure; no I/O."""

from __future__ import annotations

import re
from datetime import timedelta

from tfdriver.spec.message_text import quoted
from tfdriver.spec.names import Reason

_DURATION = re.compile(r"(?=.)(?:(?P<hours>[0-9]{1,6})h)?(?:(?P<minutes>[0-9]{1,6})m)?(?:(?P<seconds>[0-9]{1,6})s)?")
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=7)


def parse_duration(text: str) -> timedelta:
    """Return the duration of a text such as `90s`, `5m`, `1h30m` or `0s`. Raises ValueError for any other text."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(f"{quoted(text)} is not a time")
    return timedelta(**{unit: int(number) for unit, number in match.groupdict("0").items()})


def open_for(text: str) -> Reason | None:
    """Return why an `open_for:` is invalid, or None: it must be one minute to a week."""
    try:
        duration = parse_duration(text)
    except ValueError as error:
        return Reason(str(error), "Write numbers with h, m or s, e.g. 90s, 30m or 1h30m")
    if not _SHORTEST <= duration <= _LONGEST:
        return Reason(f"{text} is too {'short' if duration < _SHORTEST else 'long'}", "Write 1m to 168h")
    return None
