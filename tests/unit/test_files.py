"""Reading JSON."""

from __future__ import annotations

import codecs

import pytest

from tests.unit.builders import DEEP
from tfdriver.files import NotJsonError, read_json


@pytest.mark.parametrize("text", ['{"a": [1, "\u00e9"]}', '{"a": [1, "é"]}'.encode()])
def test_json_is_read(text):
    assert read_json(text) == {"a": [1, "é"]}


@pytest.mark.parametrize(
    "text", ["", "{", DEEP, DEEP.encode(), "NaN", b"\xff", codecs.BOM_UTF8 + b"{}", "{}".encode("utf-16")]
)
def test_invalid_json_is_an_error(text):
    with pytest.raises(NotJsonError):
        read_json(text)
