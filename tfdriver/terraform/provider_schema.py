"""Reduces the AWS provider's schema to some types, and caches the whole one.

The schema is a `GetProviderSchema.Response` of protocol 5, a protobuf message (hashicorp/terraform,
docs/plugin-protocol/tfplugin5.proto). Its fields are copied as they are or left out, never encoded anew.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder, write_whole

_DIAGNOSTICS = 4
# Maps from a type's name to its schema: resources, data sources, ephemeral resources, list resources, actions.
_BY_TYPE = (2, 3, 8, 9, 11)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DIGEST = 64  # characters of a SHA-256 digest


class NotASchemaError(ValueError):
    """The bytes are not a schema."""


def only_types(schema: bytes, types: Collection[str]) -> bytes:
    """Return the schema with only these types of resources, data sources and the like. Raises NotASchemaError."""
    wanted = {name.encode() for name in types}
    return b"".join(raw for number, value, raw in _fields(schema) if number not in _BY_TYPE or _key(value) in wanted)


def has_diagnostics(schema: bytes) -> bool:
    """Whether the provider reported a problem with its schema. Raises NotASchemaError."""
    return any(number == _DIAGNOSTICS for number, _, _ in _fields(schema))


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the user's folder for cached schemas, None without a home."""
    base = Path(environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '')}/.cache")
    return base / "tfdriver" / "schemas" if base.is_absolute() else None


class SchemaCache:
    """Schemas in a private folder, each with its digest. name: of the entry; folder: None for no cache.

    An entry or folder that somebody else owns or may write to is not used. A cache that fails is only slower.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder = folder
        self._name = name

    def load(self) -> bytes | None:
        """Return the schema, None without a valid entry."""
        if self._folder is None:
            return None
        with suppress(OSError):
            if not _only_ours(os.lstat(self._folder)):
                return None
            descriptor = os.open(self._folder / self._name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                if not _only_ours(os.fstat(descriptor)):
                    return None
                digest, schema = file.read(_DIGEST), file.read()
            return schema if hashlib.sha256(schema).hexdigest().encode() == digest else None
        return None

    def save(self, schema: bytes) -> None:
        """Save a schema."""
        if self._folder is None:
            return
        with suppress(TfdriverError, OSError):
            private_folder(self._folder)
            digest = hashlib.sha256(schema).hexdigest().encode()
            write_whole(self._folder / self._name, digest + schema, mode=0o600)


def _only_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield number, value and whole encoding of each field. value: b'' unless it is length-delimited."""
    at, end = 0, len(message)
    while at < end:
        start, value = at, b""
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            size, at = _varint(message, at)
            value = message[at : at + size]
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise NotASchemaError(f"wire type {kind}")
        if at > end:
            raise NotASchemaError("the message is cut off")
        yield tag >> 3, value, message[start:at]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            raise NotASchemaError("the message is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise NotASchemaError("a number is too long")


def _key(entry: bytes) -> bytes:
    """Return the key of a map's entry."""
    return next((value for number, value, _ in _fields(entry) if number == 1), b"")
