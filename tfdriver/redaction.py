"""Removes credentials and control characters from text of AWS, Terraform and files, before it is printed or stored.

Some error messages of AWS contain the Authorization header of the request, or the session token.
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
        # Session tokens begin with these letters and have some hundred characters.
        (r"(?:FwoG|FQoG|IQoJ|AQoD)[A-Za-z0-9/+=_-]{30,}", HIDDEN),
        (r"(?<![A-Z0-9])A(?:KIA|SIA)[A-Z0-9]{12,}", HIDDEN),
        # A password or a token in a URL, but not `git@`.
        (r"://(?:[^/@\s:\"\\]*:[^/@\s\"\\]+|[^/@\s:\"\\]{16,})@", f"://{HIDDEN}@"),
    )
)
# An AWS secret key has no prefix. Hide any 40 characters of base64, but only if the text mentions keys.
_B64 = "[A-Za-z0-9/+]"
_KEY = re.compile(rf"(?<!{_B64})(?={_B64}*[A-Z])(?={_B64}*[a-z])(?={_B64}*[0-9]){_B64}{{40}}(?![A-Za-z0-9/+=])")
_MENTIONS_KEYS = re.compile(r"(?i)key|secret|credential")

_SHORTEST = 8  # characters; shorter values are often ordinary words
# KEY and PASS must be whole words of a name, unlike in MONKEY and COMPASS. The others may end one, as in PGPASSWORD.
_SECRET_NAME = re.compile(
    r"(?i)(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:^|_)PASS|(?:^|_|API)KEY)S?(?:_|\d|$)"
)
# Variables whose names match _SECRET_NAME, but whose values are only the location or the name of a secret.
_LOCATION_NAME = re.compile(r"(?i)AWS_ENDPOINT.*|.*_(?:FILE|PATH|DIR|URL|URI|HOST|NAME|TYPE|ARN|REGION|SOCK|COMMAND)")
# A short word or number, a region, an ARN, a URL, a path (but not a secret key of AWS that begins with a slash).
_HARMLESS = re.compile(
    r"[A-Za-z_]{,15}|[0-9]{,15}|[a-z]{2}(?:-[a-z]+){1,2}-[0-9]|arn:.*|[a-z][a-z0-9+.-]*://.*"
    r"|(?:~|\.\.?)?/(?![A-Za-z0-9/+]{39}$).*",
    re.DOTALL,
)


def without_secrets(text: str) -> str:
    """Return the text without access keys, session tokens, authorization headers and passwords in URLs."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _KEY.sub(HIDDEN, text) if _MENTIONS_KEYS.search(text) else text


def clean(text: str) -> str:
    """Return the text without secrets, and with control characters escaped, except newlines and tabs."""
    return "".join(
        char
        if char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"
        else char.encode("unicode_escape").decode()
        for char in without_secrets(text)
    )


def environment_secrets(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the variables that are named like secrets, without harmless words."""
    names = (name for name in environ if _SECRET_NAME.search(name) and not _LOCATION_NAME.fullmatch(name))
    values = {environ[name].strip() for name in names}
    return frozenset(value for value in values if len(value) >= _SHORTEST and not _HARMLESS.fullmatch(value))


class Secrets:
    """Texts to hide. Hiding the secrets of 1,000 accounts takes as long as hiding one. Thread-safe."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._by_start: dict[str, frozenset[str]] = {}
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these texts from now on, unless they are short."""
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                for form in (secret, quote(secret, safe="")):
                    start = form[:_SHORTEST]
                    self._by_start[start] = self._by_start.get(start, frozenset()) | {form}

    def hide(self, text: str) -> str:
        """Return the text without the secrets, plain or URL-encoded, and without what looks like a secret."""
        parts = (text[at : at + _SHORTEST] for at in range(len(text) - _SHORTEST + 1))
        found = {form for part in parts if part in self._by_start for form in self._by_start[part]}
        for form in sorted(found, key=len, reverse=True):  # one secret may be a part of another
            text = text.replace(form, HIDDEN)
        return without_secrets(text)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the result of `Secrets.hide`."""
    return Secrets(secrets).hide(text)


def hide_in_line(line: str, hiding: Callable[[str], str]) -> str:
    """Return a line of a log with `hiding` applied: to each string of a JSON value, to any other line as a whole."""
    try:
        body = json.loads(line)
        hidden = changed(body, hiding)
        return line if hidden == body else json.dumps(hidden)
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        return hiding(line)


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value of dataclasses, mappings, tuples, lists and strings, with `change` applied to every string."""
    if type(value) is str:
        return change(value)
    if isinstance(value, Mapping):
        return {changed(key, change): changed(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(changed(inner, change) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: changed(getattr(value, f.name), change) for f in fields(value)})
    return value
