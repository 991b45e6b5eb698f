"""Converts the bytes of a YAML file to plain values and their line numbers. Pure; no I/O."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tfdriver.errors import TfdriverError
from tfdriver.spec.message_text import location
from tfdriver.spec.yaml_reader import Path, YamlReader

MAX_BYTES = 256 * 1024
_REFUSED = {
    re.compile("[\x85\u2028\u2029]"): "is a line break in YAML 1.1, but not in YAML 1.2",
    yaml.SafeLoader.NON_PRINTABLE: "is not allowed in YAML",
}


def read_document(name: str, content: bytes) -> tuple[Any, dict[Path, int]]:
    """Return the value of the YAML document in a file, and its lines (from 1) by path. name: the file in messages.

    Raises TfdriverError, with the line, if the file is not exactly one document of plain values.
    """
    reader = YamlReader(name, _text(name, content))
    try:
        return reader.read(), reader.lines
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(name, error) from error
    except (ValueError, OverflowError) as error:  # PyYAML does not check the numbers in escapes and directives
        hint = "Look for an escape such as \\U, or a line that begins with %"
        raise TfdriverError(f"not YAML: {error}", code="invalid_spec", where=name, hint=hint) from error


def _text(name: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise TfdriverError(
            f"is larger than {MAX_BYTES // 1024} KiB",
            code="invalid_spec",
            where=name,
            hint="Check that this is your spec",
        )
    if b"\0" in content:
        raise TfdriverError(
            "contains NUL bytes: it is binary or UTF-16", code="invalid_spec", where=name, hint="Save it as UTF-8 text"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TfdriverError(
            "is not UTF-8 text", code="invalid_spec", where=location(name, line), hint="Save it as UTF-8"
        ) from error
    for pattern, what in _REFUSED.items():
        if found := pattern.search(text):
            code = ord(found[0])
            raise TfdriverError(
                f"character U+{code:04X} {what}",
                code="invalid_spec",
                where=location(name, text.count("\n", 0, found.start()) + 1),
                hint=f'Delete it, or write "\\u{code:04x}" in double quotes',
            )
    if not text.strip():
        raise TfdriverError(
            "is empty", code="invalid_spec", where=name, hint="Run `tfdriver init DIR` to create an example"
        )
    return text


def _syntax_error(name: str, error: yaml.MarkedYAMLError) -> TfdriverError:
    what = f"not YAML: {': '.join(filter(None, (error.context, error.problem)))}"
    hint = "Check indentation, quotes and brackets; quote text that contains any of : # { } [ ] , & * ! | > % @"
    mark = error.problem_mark
    if mark is None or mark.buffer is None:
        return TfdriverError(what, code="invalid_spec", where=name, hint=hint)
    where = f"{name}:{mark.line + 1}:{mark.column + 1}"
    if "\t" in mark.buffer[mark.pointer - mark.column : mark.pointer + 1]:
        return TfdriverError(
            "the indentation contains a tab", code="invalid_spec", where=where, hint="Indent with spaces"
        )
    return TfdriverError(what, code="invalid_spec", where=where, hint=hint)
