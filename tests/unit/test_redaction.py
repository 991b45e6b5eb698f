"""Credentials are taken out of messages and logs."""

from __future__ import annotations

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_clean import TELLING
from tfdriver.files import LONGEST_LINE, hide_in_file
from tfdriver.redaction import environment_secrets, hide, hide_in_line

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"key {SECRET}.", "key (hidden)."),
        (f"{SECRET}{SECRET}", "(hidden)(hidden)"),
        ("X-Amz-Token=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&", "X-Amz-Token=(hidden)&"),
        (f"the longer first: {SECRET}-and-more", "the longer first: (hidden)"),
        ("nothing here, nor in short", "nothing here, nor in short"),
    ],
)
def test_secrets_are_hidden_as_they_are_and_in_urls(text, hidden):
    assert hide(text, [SECRET, f"{SECRET}-and-more", "short", ""]) == hidden


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_TOKEN", "ghp_0123456789"),
        ("PGPASSWORD", "correct horse battery"),
        ("DB_PASS", "Tr0ub4dor&3"),
        ("TF_VAR_db_password", "one-two-three-4"),
        ("API_KEYS", "a1b2c3d4,e5f6a7b8"),
        ("APIKEY2", "a1b2c3d4"),
        ("AWS_SECRET_ACCESS_KEY", f"/{SECRET[1:]}"),
        ("CREDENTIALS", " a1b2c3d4\n"),
        ("SSH_PRIVATE_KEY", "-----BEGIN KEY-----\nx"),
    ],
)
def test_what_a_variable_calls_secret_is_one(name, value):
    assert environment_secrets({name: value}) == {value.strip()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "a1b2c3d4"),
        ("MONKEY", "a1b2c3d4"),
        ("COMPASS", "a1b2c3d4"),
        ("KEYBOARD", "a1b2c3d4"),
        ("TOKENIZERS_PARALLELISM", "a1b2c3d4"),
        ("TOKEN", "a1b2c3"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "localhost:4566"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials-1.ini"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key-1.json"),
        ("SSH_KEY", "~/.ssh/id_ed25519"),
        ("PASSWORD", "terraform"),
        ("PASSWORD", "aws_iam_role"),
        ("TOKEN", "20260101"),
        ("KEY", "us-gov-west-1"),
        ("KEY", "arn:aws:kms:us-west-2:111111111111:key/a1b2c3d4"),
        ("TOKEN_SERVER", "https://example.com/a1b2"),
    ],
)
def test_harmless_words_are_not_hidden(name, value):
    assert environment_secrets({name: value}) == frozenset()


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


@pytest.mark.parametrize(
    "length", [LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, LONGEST_LINE + 2, 3 * LONGEST_LINE]
)
@pytest.mark.parametrize("end", ["", "\n", "\nafter\n"])
def test_of_a_line_that_is_too_long_nothing_is_kept(tmp_path, length, end):
    log = tmp_path / "log"
    log.write_text(f"before\n{'x' * length}{end}")
    hide_in_file(log, str)
    kept = "x" * length if length <= LONGEST_LINE else f"(hidden): a line of more than {LONGEST_LINE} bytes"
    assert log.read_text() == f"before\n{kept}{end}"


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
