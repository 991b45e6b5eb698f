"""YAML text to plain values and the line of each. Pure; no I/O.

Built on PyYAML's events rather than its constructors, so that nothing but text, numbers, bools, None, lists and dicts
is ever created, and every key and value keeps its line. What other readers of YAML accept in silence is an error here:
a key given twice, `<<`, tags, numbers with a leading zero. Keys are text as written (`no:` is the key "no").
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from tfdriver.errors import TfdriverError
from tfdriver.spec.words import dotted, location, shown

Path = tuple[str | int, ...]

_MAX_DEPTH = 24
_MAX_VALUES = 20_000  # with every alias counted as what it stands for
_MAX_DIGITS = 100
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLS = {
    form: value
    for word, value in yaml.SafeLoader.bool_values.items()
    for form in (word, word.capitalize(), word.upper())
}
# Only where YAML 1.1 and 1.2 agree. All else is text: dates, `1:30` (a number of seconds to YAML 1.1), `1_000`.
_NUMBER = re.compile(r"[-+]?([0-9]+|0x[0-9a-fA-F]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?)")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class YamlReader:
    """Reads the values of one document, each from its first event to its last.

    name: the file in messages; lines: line (from 1) by path, of what was read.
    """

    def __init__(self, name: str, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._name, self._line = name, 1
        self._path: Path = ()
        self._anchors: dict[str, tuple[Any, int]] = {}  # values and their sizes
        self._total = 0

    def read(self) -> Any:
        """Return the document's value, None if there is none.

        Raises TfdriverError, and PyYAML's errors for what is not YAML.
        """
        value = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self.lines:
                    self._enter(event, ())
                    raise self._error("a second document begins here", "Keep one: delete `---` and what follows")
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
            raise self._error(f"more than {_MAX_VALUES} values, aliases written out", "Is it the right file?")
        if isinstance(event, yaml.AliasEvent):
            return value
        if event.anchor:
            self._anchors[event.anchor] = (None, 0)  # 0: not finished
        if isinstance(event, yaml.ScalarEvent):
            value = self._plain(event.value) if event.implicit[0] else event.value
        elif len(path) >= _MAX_DEPTH:
            raise self._error(f"more than {_MAX_DEPTH} levels, one in another", "Nest less deeply")
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
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._enter(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error("a key must be text", "Quote it if it is text, e.g. one with braces")
            here = (*path, event.value)
            if event.value == "<<" and event.implicit[0]:
                raise self._error("merging with << is not supported", "Write the keys out")
            if event.value in found:
                what = f"{dotted(here)} is given twice, in lines {self.lines[here]} and {self._line}"
                raise self._error(what, "Keep one of them")
            self.lines[here] = self._line
            found[event.value] = self._value(next(self._events), here)
        return found

    def _plain(self, text: str) -> bool | float | str | None:
        """Return what unquoted text means: nulls and bools are those of YAML 1.1, as PyYAML and most tools read it."""
        if text in _NULLS:
            return None
        if text in _BOOLS:
            return _BOOLS[text]
        if _NOT_FINITE.fullmatch(text):
            raise self._error(f"{text} is a number that JSON cannot hold", f'Quote it if it is text: "{text}"')
        if not _NUMBER.fullmatch(text):
            return text
        if len(text) > _MAX_DIGITS:
            raise self._error(f"a number of {len(text)} characters", "Quote it if it is text")
        if re.fullmatch("[-+]?0[0-9]+", text):
            raise self._error(f"{text} is a number to YAML, which loses its first zero", f"Quote it: {shown(text)}")
        number = float(text) if "." in text else int(text, 0)
        if not math.isfinite(number):
            raise self._error(f"{text} is too large for a number", "Quote it if it is text")
        return number

    def _anchored(self, anchor: Any) -> tuple[Any, int]:
        if anchor not in self._anchors:
            raise self._error(f"*{anchor} is an alias of nothing", f'Quote it if it is text: "*{anchor}"')
        value, size = self._anchors[anchor]
        if not size:
            raise self._error(f"*{anchor} stands inside what it stands for", "Write the value out")
        return value, size

    def _enter(self, event: Any, path: Path) -> None:
        """Note where the reader is, for errors, and refuse what neither a key nor a value may have."""
        self._line, self._path = event.start_mark.line + 1, path
        if tag := getattr(event, "tag", None):
            short = shown(tag.replace("tag:yaml.org,2002:", "!!"))[1:-1]
            raise self._error(f"the tag {short} is refused", "Leave it out: plain values only")
        if _SURROGATE.search(getattr(event, "value", "")):
            raise self._error("half of a surrogate pair is not text", "Write the character itself")

    def _error(self, what: str, hint: str) -> TfdriverError:
        return TfdriverError(what, where=location(self._name, self._line, self._path), hint=hint)
