"""Durations in the spec and on the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tfdriver.spec.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("1h1m1s", timedelta(seconds=3661)),
        ("999999h", timedelta(hours=999_999)),
    ],
)
def test_valid_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "90", "s", "-5m", "1.5h", "1h 30m", "30m1h", "1h1h", "1d", "5M", "\u0661m", "1h\n"]
)
def test_invalid_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_duration(text)
