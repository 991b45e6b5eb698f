"""Keeps credentials out of messages and logs: AWS may repeat them in an error, e.g. in SignatureDoesNotMatch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tfdriver.clean import HIDDEN, without_secrets
from tfdriver.files import write_whole
from tfdriver.outside import NotJsonError, read_json

_SHORTEST = 8  # characters; hiding less would hide ordinary words


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets, as they are and as they are in URLs, and without what looks like one."""
    for secret in secrets:
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
    """Let `hiding` rewrite the lines of a private log if it changes any; nothing if there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return
    hidden = "\n".join(hide_in_line(line, hiding) for line in text.split("\n"))
    if hidden != text:
        write_whole(path, hidden.encode(errors="surrogateescape"), mode=0o600)
