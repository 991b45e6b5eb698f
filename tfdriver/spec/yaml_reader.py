"""YAML text to plain values and the line of each. Pure; no I/O.

Built on PyYAML's events rather than its constructors, so that nothing is ever made but text, numbers, bools, None,
lists and dicts, and that every key and value keeps its line. What people get wrong in silence elsewhere is an error
here: a key given twice, `<<`, tags, numbers with a leading zero. Keys are text as written (`no:` is the key "no").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from tfdriver.errors import TfdriverError
from tfdriver.spec.names import Reason
from tfdriver.spec.scalars import plain_value
from tfdriver.spec.words import dotted, shown

Path = tuple[str | int, ...]

_MAX_DEPTH = 24
_MAX_VALUES = 20_000  # with every alias counted as what it stands for
_TAG = "tag:yaml.org,2002:"


def read_yaml(name: str, text: str) -> tuple[Any, dict[Path, int]]:
    """Return the value of the one document in `text`, and lines (from 1) by path.

    name: the file in messages. Raises TfdriverError, and PyYAML's errors for what is not YAML.
    """
    reader = _Reader(name)
    return reader.read(text), reader.lines


@dataclass
class _Open:
    """A list or mapping that is being read. key: the mapping's key whose value comes next."""

    path: Path
    value: Any
    anchor: str | None
    size: int = 1
    key: str | None = None
    key_lines: dict[str, int] = field(default_factory=dict)


class _Reader:
    """Follows the events of one document, keeping the open lists and mappings on a stack."""

    def __init__(self, name: str) -> None:
        self.lines: dict[Path, int] = {}
        self._name = name
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._result: Any = None
        self._total = 0
        self._documents = 0

    def read(self, text: str) -> Any:
        """Return the document's value. Raises TfdriverError and yaml.YAMLError."""
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            match event:
                case yaml.DocumentStartEvent():
                    self._start_document(event)
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._open(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._close()
                case yaml.AliasEvent():
                    self._alias(event)
        return self._result

    def _start_document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._error(event, "a second document begins here", "Keep one: delete `---` and what follows")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._refuse_tag(event)
        if any(0xD800 <= ord(c) <= 0xDFFF for c in event.value):
            raise self._error(event, "half of a surrogate pair is not text", "Write the character itself")
        if self._expects_key():
            self._key(event)
        else:
            self._put(event, self._value(event), 1, event.anchor)

    def _key(self, event: yaml.ScalarEvent) -> None:
        top, key, line = self._stack[-1], event.value, _line(event)
        if key == "<<" and event.implicit[0]:
            raise self._error(event, "merging with << is not supported", "Write the keys out")
        if key in top.value:
            what = f"{dotted((*top.path, key))} is given twice, in lines {top.key_lines[key]} and {line}"
            raise self._error(event, what, "Keep one of them")
        top.key = key
        top.value[key] = None
        top.key_lines[key] = line
        self.lines[(*top.path, key)] = line

    def _value(self, event: yaml.ScalarEvent) -> Any:
        text: str = event.value
        if not event.implicit[0]:
            return text
        value = plain_value(text)
        if isinstance(value, Reason):
            raise self._error(event, value.what, value.cure)
        return value

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        self._refuse_tag(event)
        self._refuse_as_key(event)
        if len(self._stack) >= _MAX_DEPTH:
            raise self._error(event, f"more than {_MAX_DEPTH} levels, one in another", "Nest less deeply")
        path = self._next_path()
        self.lines.setdefault(path, _line(event))
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Open(path, value, event.anchor))
        self._count(event, 1)
        if event.anchor:
            self._anchors[event.anchor] = (value, 0)  # 0: not finished

    def _close(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size)
        self._attach(done.value, done.size)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._refuse_as_key(event)
        if event.anchor not in self._anchors:
            what = f"*{event.anchor} is an alias of nothing"
            raise self._error(event, what, f'Quote it if it is text: "*{event.anchor}"')
        value, size = self._anchors[event.anchor]
        if not size:
            raise self._error(event, f"*{event.anchor} stands inside what it stands for", "Write the value out")
        self._put(event, value, size, None)

    def _put(self, event: yaml.Event, value: Any, size: int, anchor: str | None) -> None:
        self._count(event, size)
        self.lines[self._next_path()] = _line(event)
        if anchor:
            self._anchors[anchor] = (value, size)
        self._attach(value, size)

    def _attach(self, value: Any, size: int) -> None:
        if not self._stack:
            self._result = value
            return
        top = self._stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            top.value[top.key] = value
            top.key = None

    def _count(self, event: yaml.Event, size: int) -> None:
        self._total += size
        if self._total > _MAX_VALUES:
            raise self._error(event, f"more than {_MAX_VALUES} values, aliases written out", "Is it the right file?")

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _refuse_as_key(self, event: yaml.Event) -> None:
        if self._expects_key():
            raise self._error(event, "a key must be text", "Quote it if it is text, e.g. one with braces")

    def _refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag:
            tag = event.tag.replace(_TAG, "!!")
            raise self._error(event, f"the tag {shown(tag)[1:-1]} is refused", "Leave it out: plain values only")

    def _next_path(self) -> Path:
        if not self._stack:
            return ()
        top = self._stack[-1]
        step: str | int = len(top.value) if isinstance(top.value, list) else str(top.key)
        return (*top.path, step)

    def _error(self, event: yaml.Event, what: str, hint: str) -> TfdriverError:
        path = self._next_path() if not self._expects_key() else self._stack[-1].path
        line = _line(event)
        key = dotted(path)
        return TfdriverError(what, where=f"{self._name}:{line}" + (f": {key}" if key else ""), hint=hint)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
