"""Keeps credentials out of messages and logs: AWS may repeat them in an error, e.g. in SignatureDoesNotMatch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

from tfdriver.clean import HIDDEN, without_secrets
from tfdriver.files import write_whole

_SHORTEST = 8  # characters; hiding less would hide ordinary words


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets, as they are and as they are in URLs, and without what looks like one."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN).replace(quote(secret, safe=""), HIDDEN)
    return without_secrets(text)


def hide_in_file(path: Path, hiding: Callable[[str], str]) -> None:
    """Let `hiding` rewrite a private file if it changes anything in it; nothing if there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return
    hidden = hiding(text)
    if hidden != text:
        write_whole(path, hidden.encode(errors="surrogateescape"), mode=0o600)
