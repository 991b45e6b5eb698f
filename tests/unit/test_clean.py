"""Secrets and control characters are removed from text, and nothing else."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.aws.calls import AwsError
from tfdriver.errors import TfdriverError
from tfdriver.files import LONGEST_LINE
from tfdriver.redaction import clean, without_secrets
from tfdriver.terraform.events import outcome, parse_line

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE" + "aBc9/+" * 20 + "=="
SIGNATURE = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
PLANTED = (KEY_ID, SECRET, TOKEN, SIGNATURE)

# Secrets in the formats of messages from AWS and its clients.
SECRET_TEXTS = {
    "the whole header": f"Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256 "
    f"Credential={KEY_ID}/20260101/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}",
    "a canonical request": f"The canonical string is 'POST\n/\n\nhost:iam\nx-amz-security-token:{TOKEN}\n'",
    "a signed URL": f"GET https://x/?X-Amz-Credential={KEY_ID}%2F2026&X-Amz-Security-Token={TOKEN}"
    f"&X-Amz-Signature={SIGNATURE}",
    "JSON": json.dumps({"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "SessionToken": TOKEN}),
    "XML": f"<AccessKeyId>{KEY_ID}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
    f"<SessionToken>{TOKEN}</SessionToken>",
    "a line of a credentials file": f"[line 3]: 'aws_secret_access_key {SECRET}\\n'",
    "a line of a credentials file, with `=`": f"aws_secret_access_key = {SECRET}",
    "a secret key alone": f"the secret {SECRET} is invalid",
    "a secret key before its name": f"'{SECRET}' is not a valid key",
    "a token alone": f"token {TOKEN} is malformed",
    "a session's key": f"no such key ASIA{KEY_ID[4:]}",
    "a password in a URL": f"cannot clone https://me:{KEY_ID}-{SECRET.replace('/', '.')}@host/x.git",
    "a token in a URL": "cannot clone git::https://ghp_0123456789abcdefgh@github.com/x.git",
}
HIDDEN = (*PLANTED, KEY_ID[4:], SECRET.replace("/", "."), "ghp_0123456789abcdefgh")


@pytest.mark.parametrize("text", SECRET_TEXTS.values(), ids=SECRET_TEXTS)
@pytest.mark.parametrize("encode", [str, json.dumps, lambda text: json.dumps(text).replace(">", "\\u003e")])
def test_secrets_are_hidden_in_text_and_json(text, encode):
    cleaned = without_secrets(encode(text))

    assert "(hidden)" in cleaned
    assert [secret for secret in HIDDEN if secret in cleaned] == []


@pytest.mark.parametrize("text", SECRET_TEXTS.values(), ids=SECRET_TEXTS)
def test_secrets_are_hidden_in_errors_and_events(text):
    line = json.dumps({"@message": text, "type": "diagnostic", "diagnostic": {"severity": "error", "summary": text}})
    event = parse_line(line)
    error = AwsError(text, where=text, hint=text)
    texts = [str(error), repr(error), event.message, *map(str, outcome([event], "apply").errors)]

    assert [secret for secret in HIDDEN for part in texts if secret in part] == []


@pytest.mark.parametrize(
    "text",
    [
        "The security token included in the request is invalid.",
        "Check the profile's access key and secret",
        "arn:aws:secretsmanager:us-east-1:111111111111:secret:key",
        "ssh://git@github.com/x.git and http://127.0.0.1:9/x",
        "User: arn:aws:iam::111111111111:user/admin is not authorized to perform: sts:AssumeRole",
        "Parameter validation failed: sessionToken is missing",
        "AROA1234567890ABCDEF is a role",
        f"a digest {SECRET[:-3]}abc without the words",
        "the state key da39a3ee5e6b4b0d3255bfef95601890afd80709 and the secret path team/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o",
    ],
)
def test_other_text_is_unchanged(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[31mred\x9b", "\\x1b[31mred\\x9b"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("\r\x08\0", "\\r\\x08\\x00"),
        ("half \ud800 a pair", "half \\ud800 a pair"),
        ("two\nlines\tand é 日本 \u00a0 😀", "two\nlines\tand é 日本 \u00a0 😀"),
    ],
)
def test_control_characters_are_escaped(text, cleaned):
    assert str(TfdriverError(text, code="io_error")) == cleaned


@given(st.text())
def test_clean_text_is_printable_and_cleaning_it_again_changes_nothing(text):
    once = clean(text)

    assert clean(once) == once
    assert "\x1b" not in once
    once.encode()


@pytest.mark.parametrize(
    "part",
    ["a", "/", "key a,", "secret_key", "://a", "AWS4-HMAC-SHA256", "aws_secret_access_key ", "token=:"],
)
def test_long_text_is_cleaned_within_seconds(part):
    began = time.process_time()

    without_secrets(part * (LONGEST_LINE // len(part)))

    assert time.process_time() - began < 15
