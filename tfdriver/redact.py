"""Keeps credentials out of messages and logs: AWS or a provider may repeat them in an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from tfdriver.clean import HIDDEN, without_secrets
from tfdriver.files import write_whole
from tfdriver.outside import NotJsonError, read_json

LONGEST_LINE = 1024 * 1024  # bytes of a log's line that are looked into; Terraform's longest are some kilobytes
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
        body = read_json(line)
        hidden = _hidden(body, hiding)
        return line if hidden == body else json.dumps(hidden)
    except (NotJsonError, RecursionError):  # what can just be read may be nested too deeply for the rest
        return hiding(line)


def _hidden(value: Any, hiding: Callable[[str], str]) -> Any:
    match value:
        case str():
            return hiding(value)
        case list():
            return [_hidden(inner, hiding) for inner in value]
        case dict():
            return {hiding(key): _hidden(inner, hiding) for key, inner in value.items()}
    return value


def hide_in_file(path: Path, hiding: Callable[[str], str]) -> None:
    """Let `hiding` rewrite the lines of a private log if it changes any; nothing if there is no such file.

    Of a line longer than LONGEST_LINE nothing is kept: to look for secrets in it would take minutes.
    """
    try:
        with path.open("rb") as file:
            lines = list(_lines(file))
    except FileNotFoundError:
        return
    hidden = [_rewritten(line, hiding) for line in lines]
    if hidden != lines:
        write_whole(path, b"\n".join(hidden), mode=0o600)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines without their ends, of the long ones no more than shows that they are; the last has no end."""
    line = b"\n"
    while line.endswith(b"\n"):
        line = rest = file.readline(LONGEST_LINE + 2)
        while len(rest) == LONGEST_LINE + 2 and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 2)
            line = line[: LONGEST_LINE + 1] + rest[-1:]
        yield line.removesuffix(b"\n")


def _rewritten(line: bytes, hiding: Callable[[str], str]) -> bytes:
    if len(line) > LONGEST_LINE:
        return f"{HIDDEN}: a line of more than {LONGEST_LINE} bytes".encode()
    return hide_in_line(line.decode(errors="surrogateescape"), hiding).encode(errors="surrogateescape")
