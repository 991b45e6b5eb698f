"""HCL literals, identifiers and aligned columns. Pure; no I/O.

Source: HCL's syntax specification, "Template Expressions" and "Quoted Template Expressions".
"""

from __future__ import annotations

import re
from typing import Any

from tfdriver.errors import TfdriverError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


class Verbatim(str):
    """Valid Terraform, printed without quotes."""

    __slots__ = ()


class Identifier(Verbatim):
    """A valid Terraform identifier."""

    __slots__ = ()


def identifier(value: str) -> Identifier:
    """Return `value` marked as an identifier. Raises TfdriverError if it is not one."""
    text = str(value)  # raises for an undefined name in a template
    if not _IDENTIFIER.fullmatch(text):
        raise TfdriverError(
            f"{value!r} is not a Terraform identifier", code="invalid_template", hint="Use letters, digits, `_` and `-`"
        )
    return Identifier(text)


def literal(value: Any) -> str:
    """Return a string, whole number, bool or None as a Terraform literal. Raises TfdriverError for other types."""
    match value:
        case Verbatim():
            return str(value)
        case str():
            return quoted(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
    str(value)  # raises for an undefined name in a template
    hint = "Print text, a whole number or a bool"
    raise TfdriverError(f"a template cannot print a {type(value).__name__}", code="invalid_template", hint=hint)


def expression(value: Any) -> Verbatim:
    """Return a value as Terraform, with lists and mappings. Raises TfdriverError as `literal`."""
    match value:
        case list():
            return Verbatim(f"[{', '.join(map(expression, value))}]")
        case dict():
            members = (f"{quoted(str(name))} = {expression(item)}" for name, item in value.items())
            return Verbatim(f"{{ {', '.join(members)} }}")
    return Verbatim(literal(value))


def quoted(text: str) -> str:
    """Return `text` as a quoted Terraform string. Raises TfdriverError for a lone surrogate.

    Terraform normalizes its value to NFC.
    """
    doubled = text.replace("${", "$${").replace("%{", "%%{")
    return '"' + "".join(_escape(char) for char in doubled) + '"'


def aligned(text: str) -> str:
    """Return lines of `name = value` with their equals signs aligned."""
    pairs = [line.partition(" = ") for line in text.splitlines() if line.strip()]
    width = max((len(name) for name, _, _ in pairs), default=0)
    return "".join(f"{name:<{width}} = {value}\n" for name, _, value in pairs)


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        raise TfdriverError("a lone surrogate is not valid text", code="invalid_template")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
