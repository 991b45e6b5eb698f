"""Credentials are taken out of messages and logs."""

from __future__ import annotations

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_clean import TELLING
from tfdriver.redact import hide, hide_in_file, hide_in_line

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"key {SECRET}.", "key (hidden)."),
        (f"{SECRET}{SECRET}", "(hidden)(hidden)"),
        ("X-Amz-Token=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&", "X-Amz-Token=(hidden)&"),
        ("nothing here, nor in short", "nothing here, nor in short"),
    ],
)
def test_secrets_are_hidden_as_they_are_and_in_urls(text, hidden):
    assert hide(text, [SECRET, "short", ""]) == hidden


@given(st.lists(st.sampled_from([*TELLING.values(), SECRET, '"', "\\", "}", "secret_key=", "\n"]), max_size=6))
def test_a_line_of_json_stays_one_whatever_is_hidden_in_it(texts):
    line = json.dumps({"a": [{"b": "".join(texts)}], "n": 1.5, "SecretAccessKey": SECRET})
    hidden = json.loads(hide_in_line(line, lambda text: hide(text, [SECRET])))
    assert (hidden["n"], hidden["SecretAccessKey"]) == (1.5, "(hidden)")
    assert SECRET not in json.dumps(hidden)


def test_a_line_that_is_not_touched_stays_as_it_was_written():
    assert hide_in_line('{"a":  1.50}', str) == '{"a":  1.50}'
    nested = "[" * 600 + f'"{SECRET}"' + "]" * 600  # can be read, but not walked through
    assert SECRET not in hide_in_line(nested, lambda text: hide(text, [SECRET]))
    assert hide_in_line(f"no JSON {SECRET}", lambda text: hide(text, [SECRET])) == "no JSON (hidden)"


def test_a_file_is_rewritten_privately_and_only_if_it_must_be(tmp_path):
    log, clean = tmp_path / "log", tmp_path / "clean"
    log.write_bytes(b"\xff before " + SECRET.encode() + b" after\n")
    clean.write_text("nothing")
    clean.chmod(0o640)
    for path in (log, clean, tmp_path / "missing"):
        hide_in_file(path, lambda text: hide(text, [SECRET]))
    assert log.read_bytes() == b"\xff before (hidden) after\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(clean.stat().st_mode) == 0o640
