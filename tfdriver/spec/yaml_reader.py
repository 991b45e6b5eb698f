"""Converts YAML text to plain values and their line numbers. Pure; no I/O.

It reads PyYAML's events, not its constructors: only text, numbers, bools, None, lists and dicts are created, and every
key and value keeps its line. Duplicate keys, `<<`, tags and numbers with a leading zero are errors, although other
readers of YAML accept them. Keys are text as written (`no:` is the key "no").
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from tfdriver.errors import TfdriverError
from tfdriver.spec.message_text import dotted, location, quoted

Path = tuple[str | int, ...]

_MAX_DEPTH = 24
_MAX_VALUES = 20_000  # an alias counts as all values that it stands for
_MAX_DIGITS = 100
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLS = {
    form: value
    for word, value in yaml.SafeLoader.bool_values.items()
    for form in (word, word.capitalize(), word.upper())
}
# Numbers in both YAML 1.1 and 1.2. All else is text: dates, `1:30` (a number of seconds in YAML 1.1), `1_000`.
_NUMBER = re.compile(r"[-+]?([0-9]+|0x[0-9a-fA-F]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?)")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class YamlReader:
    """Reads one document. name: the file in messages; lines: line (from 1) by path of each key and value."""

    def __init__(self, name: str, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._name, self._line = name, 1
        self._path: Path = ()
        self._anchors: dict[str, tuple[Any, int]] = {}  # values and their sizes
        self._total = 0

    def read(self) -> Any:
        """Return the document's value, None without a document. Raises TfdriverError, and PyYAML's errors."""
        value = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self.lines:
                    self._enter(event, ())
                    raise self._error("a second document begins here", "Keep one: delete `---` and the lines after it")
                value = self._value(next(self._events), ())
        return value

    def _value(self, event: Any, path: Path) -> Any:
        """Return the value that begins with `event`."""
        self._enter(event, path)
        self.lines.setdefault(path, self._line)
        before = self._total
        value, size = self._anchored(event.anchor) if isinstance(event, yaml.AliasEvent) else (None, 1)
        self._total += size
        if self._total > _MAX_VALUES:
            raise self._error(f"more than {_MAX_VALUES} values, with aliases expanded", "Check that this is your spec")
        if isinstance(event, yaml.AliasEvent):
            return value
        if event.anchor:
            self._anchors[event.anchor] = (None, 0)  # size 0: the value is not complete
        if isinstance(event, yaml.ScalarEvent):
            value = self._plain(event.value) if event.implicit[0] else event.value
        elif len(path) >= _MAX_DEPTH:
            raise self._error(f"nested deeper than {_MAX_DEPTH} levels", "Nest less deeply")
        else:
            value = self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._total - before)
        return value

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._enter(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error("a key must be text", "Quote it if it is text, e.g. one with braces")
            here = (*path, event.value)
            if event.value == "<<" and event.implicit[0]:
                raise self._error("the merge key << is not supported", "Write the keys out")
            if event.value in mapping:
                what = f"{dotted(here)} is given twice, in lines {self.lines[here]} and {self._line}"
                raise self._error(what, "Keep one of them")
            self.lines[here] = self._line
            mapping[event.value] = self._value(next(self._events), here)
        return mapping

    def _plain(self, text: str) -> bool | float | str | None:
        """Return the value of unquoted text. Nulls and bools are those of YAML 1.1, as in PyYAML and most tools."""
        if text in _NULLS:
            return None
        if text in _BOOLS:
            return _BOOLS[text]
        if _NOT_FINITE.fullmatch(text):
            raise self._error(f"{text} is a number that JSON cannot represent", f'Quote it if it is text: "{text}"')
        if not _NUMBER.fullmatch(text):
            return text
        if len(text) > _MAX_DIGITS:
            raise self._error(f"a number of {len(text)} characters", "Quote it if it is text")
        if re.fullmatch("[-+]?0[0-9]+", text):
            raise self._error(f"YAML reads {text} as a number and drops its leading zero", f"Quote it: {quoted(text)}")
        number = float(text) if "." in text else int(text, 0)
        if not math.isfinite(number):
            raise self._error(f"{text} is too large for a number", "Quote it if it is text")
        return number

    def _anchored(self, anchor: Any) -> tuple[Any, int]:
        if anchor not in self._anchors:
            raise self._error(f"alias *{anchor} has no anchor &{anchor}", f'Quote it if it is text: "*{anchor}"')
        value, size = self._anchors[anchor]
        if not size:
            raise self._error(f"alias *{anchor} is part of the value it stands for", "Write the value out")
        return value, size

    def _enter(self, event: Any, path: Path) -> None:
        """Record the current place for errors. Refuse tags and unpaired surrogates."""
        self._line, self._path = event.start_mark.line + 1, path
        if tag := getattr(event, "tag", None):
            short = quoted(tag.replace("tag:yaml.org,2002:", "!!"))[1:-1]
            raise self._error(f"the tag {short} is not supported", "Leave it out: only plain values are supported")
        if _SURROGATE.search(getattr(event, "value", "")):
            raise self._error("an unpaired surrogate is not text", "Write the character itself")

    def _error(self, what: str, hint: str) -> TfdriverError:
        return TfdriverError(what, code="invalid_spec", where=location(self._name, self._line, self._path), hint=hint)
