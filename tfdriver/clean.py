"""Text from outside (AWS, Terraform, files, names of files) as it may be shown and kept. Pure; no I/O.

AWS's own messages can hold what signed a request: some repeat its whole Authorization header, or the canonical request
with the session token in it. Other text may hold what steers a terminal.
"""

from __future__ import annotations

import re
import unicodedata

HIDDEN = "(hidden)"

_VALUE = r"(?!\()[^\s\"'\\<>,;&)]+"
_IS = r"([\"'\\]*\s*(?:[:=>]|\\u003[de])\s*[\"'\\]*)"  # Terraform's JSON has \u003e for >
_SECRETS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"AWS4-HMAC-SHA256[^\n\"\\]{,1000}?Signature=[0-9A-Fa-f]+", HIDDEN),
        (rf"(?i)\b(Credential|Signature)={_VALUE}", rf"\1={HIDDEN}"),
        (rf"(?i)((?:x-amz-)?security-token|(?:aws_)?session_?token){_IS}{_VALUE}", rf"\1\2{HIDDEN}"),
        (rf"(?i)((?:aws_)?secret_?(?:access_?)?key){_IS}{_VALUE}", rf"\1\2{HIDDEN}"),
        (rf"(?i)\b(aws_(?:secret_access_key|session_token)\s+)(?![:=]){_VALUE}", rf"\1{HIDDEN}"),
        # Session tokens begin like this; they are some hundred characters long.
        (r"(?:FwoG|FQoG|IQoJ|AQoD)[A-Za-z0-9/+=_-]{30,}", HIDDEN),
        (r"(?<![A-Z0-9])A(?:KIA|SIA)[A-Z0-9]{12,}", HIDDEN),
        # A password or a token in a URL; `git@` is neither.
        (r"://(?:[^/@\s:\"\\]*:[^/@\s\"\\]+|[^/@\s:\"\\]{16,})@", f"://{HIDDEN}@"),
    )
)
# A secret key of AWS looks like any 40 characters of base64: it is one where the text speaks of such.
_B64 = "[A-Za-z0-9/+]"
_KEY = re.compile(rf"(?<!{_B64})(?={_B64}*[A-Z])(?={_B64}*[a-z])(?={_B64}*[0-9]){_B64}{{40}}(?![A-Za-z0-9/+=])")
_OF_KEYS = re.compile(r"(?i)key|secret|credential")


def without_secrets(text: str) -> str:
    """Return the text without access keys, session tokens, authorization headers and passwords in URLs."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _KEY.sub(HIDDEN, text) if _OF_KEYS.search(text) else text


def clean(text: str) -> str:
    """Return the text without secrets, and with control characters (but newlines and tabs) written out."""
    return "".join(char if _harmless(char) else _escaped(char) for char in without_secrets(text))


def _harmless(char: str) -> bool:
    return char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
