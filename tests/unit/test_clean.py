"""Text from outside: no secret comes through, whatever says it; nothing else is changed."""

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

# As AWS's own messages and those of its clients have them.
TELLING = {
    "the whole header": f"Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256 "
    f"Credential={KEY_ID}/20260101/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}",
    "a canonical request": f"The canonical string is 'POST\n/\n\nhost:iam\nx-amz-security-token:{TOKEN}\n'",
    "a signed URL": f"GET https://x/?X-Amz-Credential={KEY_ID}%2F2026&X-Amz-Security-Token={TOKEN}"
    f"&X-Amz-Signature={SIGNATURE}",
    "JSON": json.dumps({"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "SessionToken": TOKEN}),
    "XML": f"<AccessKeyId>{KEY_ID}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
    f"<SessionToken>{TOKEN}</SessionToken>",
    "a line of a credentials file": f"[line 3]: 'aws_secret_access_key {SECRET}\\n'",
    "another": f"aws_secret_access_key = {SECRET}",
    "a secret key alone": f"the secret {SECRET} is none",
    "a secret key before its name": f"'{SECRET}' is not a valid key",
    "a token alone": f"token {TOKEN} is malformed",
    "a session's key": f"no such key ASIA{KEY_ID[4:]}",
    "a password in a URL": f"cannot clone https://me:{KEY_ID}-{SECRET.replace('/', '.')}@host/x.git",
    "a token in a URL": "cannot clone git::https://ghp_0123456789abcdefgh@github.com/x.git",
}
HIDDEN = (*PLANTED, KEY_ID[4:], SECRET.replace("/", "."), "ghp_0123456789abcdefgh")


@pytest.mark.parametrize("text", TELLING.values(), ids=TELLING)
@pytest.mark.parametrize("told", [str, json.dumps, lambda text: json.dumps(text).replace(">", "\\u003e")])
def test_no_secret_comes_through(text, told):
    said = without_secrets(told(text))
    assert "(hidden)" in said
    assert [secret for secret in HIDDEN if secret in said] == []


@pytest.mark.parametrize("text", TELLING.values(), ids=TELLING)
def test_none_comes_through_errors_and_events(text):
    line = json.dumps({"@message": text, "type": "diagnostic", "diagnostic": {"severity": "error", "summary": text}})
    event = parse_line(line)
    error = AwsError(text, where=text, hint=text)
    said = [str(error), repr(error), event.message, *map(str, outcome([event], "apply").errors)]
    assert [secret for secret in HIDDEN for part in said if secret in part] == []


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
        f"no word of what {SECRET[:-3]}abc may be",
        "the state key da39a3ee5e6b4b0d3255bfef95601890afd80709 and the secret path team/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o",
    ],
)
def test_what_is_no_secret_stays(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[31mred\x9b", "\\x1b[31mred\\x9b"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("\r\x08\0", "\\r\\x08\\x00"),
        ("half \ud800 a pair", "half \\ud800 a pair"),
        ("two\nlines\tand é 日本 \u00a0 😀", "two\nlines\tand é 日本 \u00a0 😀"),
    ],
)
def test_nothing_steers_the_terminal(text, shown):
    assert str(TfdriverError(text, code="io_error")) == shown


@given(st.text())
def test_cleaning_again_changes_nothing_and_everything_can_be_printed(text):
    once = clean(text)
    assert clean(once) == once
    once.encode()
    assert "\x1b" not in once


@pytest.mark.parametrize(
    "part",
    ["a", "/", "key a,", "secret_key", "://a", "AWS4-HMAC-SHA256", "aws_secret_access_key ", "token=:"],
)
def test_the_longest_text_takes_seconds_whatever_it_says(part):
    began = time.process_time()
    without_secrets(part * (LONGEST_LINE // len(part)))
    assert time.process_time() - began < 15
