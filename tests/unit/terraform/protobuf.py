"""Encodes protobuf fields."""

from __future__ import annotations


def varint(value: int) -> bytes:
    """Return the encoding of a number."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def number_field(number: int, value: int) -> bytes:
    """Return a field with a number."""
    return varint(number << 3) + varint(value)


def entry(number: int, key: str, value: bytes) -> bytes:
    """Return an entry of a map."""
    return field(number, field(1, key.encode()) + field(2, value))
