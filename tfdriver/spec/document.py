"""The bytes of a YAML file to a `SpecDocument`: plain values that know their lines. Pure; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from tfdriver.errors import TfdriverError
from tfdriver.spec.words import dotted
from tfdriver.spec.yaml_reader import Path, read_yaml

MAX_BYTES = 256 * 1024
# YAML 1.1 folds them to spaces in quoted text, YAML 1.2 keeps them.
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")


@dataclass(frozen=True)
class SpecDocument:
    """A file's values. name: the file as users know it; data: plain values; lines: line (from 1) by path."""

    name: str
    data: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of what stands at `path`, or of the nearest that encloses it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: Path, what: str, hint: str = "") -> TfdriverError:
        """Return an error about what stands at `path`."""
        key = dotted(path)
        return TfdriverError(what, where=f"{self.name}:{self.line(path)}" + (f": {key}" if key else ""), hint=hint)


def read_document(name: str, content: bytes) -> SpecDocument:
    """Return the one YAML document of a file. name: the file in messages.

    Raises TfdriverError, with line and column, for whatever is not exactly one document of plain values.
    """
    text = _text(name, content)
    try:
        data, lines = read_yaml(name, text)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(name, text, error) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"character U+{_code(error.character):04X} cannot stand in YAML"
        raise TfdriverError(what, where=f"{name}:{line}", hint="Delete it, or escape it in double quotes") from error
    return SpecDocument(name, data, lines)


def _code(character: int | str | bytes) -> int:
    return character if isinstance(character, int) else ord(character)


def _text(name: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise TfdriverError(f"is larger than {MAX_BYTES // 1024} KiB", where=name, hint="Is it the right file?")
    if b"\0" in content:
        raise TfdriverError("holds NUL bytes: it is binary or UTF-16", where=name, hint="Save it as UTF-8 text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TfdriverError("is not UTF-8 text", where=f"{name}:{line}", hint="Save it as UTF-8") from error
    if found := _ODD_BREAK.search(text):
        where = f"{name}:{text.count(chr(10), 0, found.start()) + 1}"
        code = ord(found[0])
        what = f"U+{code:04X} ends a line for some readers of YAML and not for others"
        raise TfdriverError(what, where=where, hint=f'Delete it, or write "\\u{code:04x}" in double quotes')
    if not text.strip():
        raise TfdriverError("is empty", where=name, hint="`tfdriver init DIR` writes an example to start from")
    return text


def _syntax_error(name: str, text: str, error: yaml.MarkedYAMLError) -> TfdriverError:
    mark = error.problem_mark or error.context_mark
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "\t" in line[: mark.column + 1 if mark else 0]:
        return TfdriverError("a tab in the indentation", where=where, hint="YAML is indented with spaces")
    context = f"{error.context}: " if error.context else ""
    what = f"not YAML: {context}{error.problem or 'syntax error'}".replace("\n", " ")
    hint = "Check indentation, quotes and brackets; quote text that holds any of : # { } [ ] , & * ! | > % @"
    return TfdriverError("".join(c if c.isprintable() else "?" for c in what), where=where, hint=hint)
