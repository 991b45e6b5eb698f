"""Text from outside (AWS, Terraform, files) as it may be printed and kept: without credentials and control characters.

AWS's own messages can hold what signed a request: some repeat its whole Authorization header, or the canonical request
with the session token in it. Other text may hold what steers a terminal.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any
from urllib.parse import quote

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

_SHORTEST = 8  # characters; hiding less would hide ordinary words
# KEY and PASS are whole words of a name, for MONKEY and COMPASS are none; the others may end one, as in PGPASSWORD.
_SECRET_NAME = re.compile(
    r"(?i)(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:^|_)PASS|(?:^|_|API)KEY)S?(?:_|\d|$)"
)
# Of such a variable, what says where the secret is, or which, and not the secret itself.
_OTHER_NAME = re.compile(r"(?i)AWS_ENDPOINT.*|.*_(?:FILE|PATH|DIR|URL|URI|HOST|NAME|TYPE|ARN|REGION|SOCK|COMMAND)")
# What is said in other places too: a word or a number that is not long, a region, an ARN, a URL, a path (but a secret
# key of AWS may begin with a slash).
_NO_SECRET = re.compile(
    r"[A-Za-z_]{,15}|[0-9]{,15}|[a-z]{2}(?:-[a-z]+){1,2}-[0-9]|arn:.*|[a-z][a-z0-9+.-]*://.*"
    r"|(?:~|\.\.?)?/(?![A-Za-z0-9/+]{39}$).*",
    re.DOTALL,
)


def without_secrets(text: str) -> str:
    """Return the text without access keys, session tokens, authorization headers and passwords in URLs."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _KEY.sub(HIDDEN, text) if _OF_KEYS.search(text) else text


def clean(text: str) -> str:
    """Return the text without secrets, and with control characters (but newlines and tabs) written out."""
    return "".join(
        char
        if char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"
        else char.encode("unicode_escape").decode()
        for char in without_secrets(text)
    )


def environment_secrets(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the variables whose names say that they are secrets, but for harmless words."""
    names = (name for name in environ if _SECRET_NAME.search(name) and not _OTHER_NAME.fullmatch(name))
    values = {environ[name].strip() for name in names}
    return frozenset(value for value in values if len(value) >= _SHORTEST and not _NO_SECRET.fullmatch(value))


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets, as they are and as they are in URLs, and without what looks like one."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN).replace(quote(secret, safe=""), HIDDEN)
    return without_secrets(text)


def hide_in_line(line: str, hiding: Callable[[str], str]) -> str:
    """Return a line of a log as `hiding` makes it: JSON text by text, so that it stays JSON, any other as a whole."""
    try:
        body = json.loads(line)
        hidden = changed(body, hiding)
        return line if hidden == body else json.dumps(hidden)
    except (ValueError, RecursionError):  # what can just be read may be nested too deeply for the rest
        return hiding(line)


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value (of dataclasses, mappings, tuples, lists, strings) with `change` of every string in it."""
    if type(value) is str:
        return change(value)
    if isinstance(value, Mapping):
        return {changed(key, change): changed(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(changed(inner, change) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: changed(getattr(value, f.name), change) for f in fields(value)})
    return value
