"""Durations as people write them, in the spec and on the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tfdriver.spec.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("1h1m1s", timedelta(seconds=3661)),
        ("999999h", timedelta(hours=999_999)),
    ],
)
def test_a_duration(text: str, time: timedelta) -> None:
    assert parse_duration(text) == time


@pytest.mark.parametrize(
    "text", ["", "90", "s", "-5m", "1.5h", "1h 30m", "30m1h", "1h1h", "1d", "5M", "\u0661m", "1h\n"]
)
def test_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_duration(text)
