"""Secrets of profiles and of the environment are hidden in messages and logs."""

from __future__ import annotations

import json
import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_clean import SECRET_TEXTS
from tfdriver.files import LONGEST_LINE, hide_in_file
from tfdriver.redaction import HIDDEN, Secrets, environment_secrets, hide, hide_in_line

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"key {SECRET}.", "key (hidden)."),
        (f"{SECRET}{SECRET}", "(hidden)(hidden)"),
        ("X-Amz-Token=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&", "X-Amz-Token=(hidden)&"),
        (f"the longer one: {SECRET}-and-more", "the longer one: (hidden)"),
        ("nothing here, nor in short", "nothing here, nor in short"),
    ],
)
def test_secrets_are_hidden_in_text_and_urls(text, hidden):
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
def test_values_of_variables_named_like_secrets_are_secrets(name, value):
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
def test_harmless_values_are_not_secrets(name, value):
    assert environment_secrets({name: value}) == frozenset()


@given(st.lists(st.sampled_from([*SECRET_TEXTS.values(), SECRET, '"', "\\", "}", "secret_key=", "\n"]), max_size=6))
def test_a_line_of_json_stays_valid_json(texts):
    line = json.dumps({"a": [{"b": "".join(texts)}], "n": 1.5, "SecretAccessKey": SECRET})

    hidden = json.loads(hide_in_line(line, lambda text: hide(text, [SECRET])))

    assert (hidden["n"], hidden["SecretAccessKey"]) == (1.5, "(hidden)")
    assert SECRET not in json.dumps(hidden)


def test_a_line_of_json_without_secrets_keeps_its_format():
    assert hide_in_line('{"a":  1.50}', str) == '{"a":  1.50}'


def test_secrets_are_hidden_in_nested_json_and_in_other_text():
    def hiding(text):
        return hide(text, [SECRET])

    nested = "[" * 600 + f'"{SECRET}"' + "]" * 600  # too deep for a recursive function

    assert SECRET not in hide_in_line(nested, hiding)
    assert hide_in_line(f"not JSON {SECRET}", hiding) == "not JSON (hidden)"


@pytest.mark.parametrize(
    "length", [LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, LONGEST_LINE + 2, 3 * LONGEST_LINE]
)
@pytest.mark.parametrize("end", ["", "\n", "\nafter\n"])
def test_a_line_that_is_too_long_is_hidden(tmp_path, length, end):
    log = tmp_path / "log"
    log.write_text(f"before\n{'x' * length}{end}")

    hide_in_file(log, str)

    kept = "x" * length if length <= LONGEST_LINE else f"(hidden): a line of more than {LONGEST_LINE} bytes"
    assert log.read_text() == f"before\n{kept}{end}"


def test_only_files_with_secrets_are_rewritten_and_made_private(tmp_path):
    log, clean = tmp_path / "log", tmp_path / "clean"
    log.write_bytes(b"\xff before " + SECRET.encode() + b" after\n")
    clean.write_text("nothing")
    clean.chmod(0o640)

    for path in (log, clean, tmp_path / "missing"):
        hide_in_file(path, lambda text: hide(text, [SECRET]))

    assert log.read_bytes() == b"\xff before (hidden) after\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(clean.stat().st_mode) == 0o640


def test_secrets_are_hidden_from_when_they_are_added():
    secrets = Secrets(["first-secret"])
    text = "first-secret, second-secret/2, second-secret%2F2, second-secret"

    assert secrets.hide(text) == f"{HIDDEN}, second-secret/2, second-secret%2F2, second-secret"
    secrets.add(["second-secret", "second-secret/2", "short"])
    assert secrets.hide(f"{text}, short") == f"{HIDDEN}, {HIDDEN}, {HIDDEN}, {HIDDEN}, short"


def test_the_secrets_of_many_accounts_are_hidden_within_seconds():
    secrets = Secrets(f"{number:08}" * 5 for number in range(20_000))
    began = time.process_time()

    for number in range(1000):
        secrets.hide(f"event {number} of a run")

    assert time.process_time() - began < 5
