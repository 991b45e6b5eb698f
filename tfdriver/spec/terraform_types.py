"""Types of Terraform variables. Checks whether a value of the spec fits one. Pure; no I/O.

Terraform converts "5" to 5 and 1.1 to "1.1". This check does not: YAML reads the text 1.10 as the number 1.1.
Source: Terraform, "Type Constraints".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfdriver.spec.message_text import described, dotted, nearest


@dataclass(frozen=True)
class Type:
    """A type constraint. name: `string`, `number`, `bool`, `any`, `list`, `set`, `map`, `object` or `tuple`.

    element: of a list, set or map; attributes: of an object, by name; optional: names of those that may be omitted;
    elements: of a tuple.
    """

    name: str
    element: Type | None = None
    attributes: Mapping[str, Type] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    elements: tuple[Type, ...] = ()


ANY = Type("any")


@dataclass(frozen=True)
class Mismatch:
    """A value, or a part of it at `path`, that does not have the type of its variable."""

    path: tuple[str | int, ...]
    what: str
    hint: str = ""


def mismatch(value: Any, wanted: Type, path: tuple[str | int, ...] = ()) -> Mismatch | None:
    """Return the first mismatch between `value` (from YAML or JSON) and the type `wanted`, or None."""
    if value is None:
        return None  # null has every type
    match wanted.name, value:
        case ("any", _) | ("string", str()) | ("bool", bool()):
            return None
        case ("number", int() | float()) if not isinstance(value, bool):
            return None
        case (("list" | "set"), list()):
            return _first(mismatch(item, wanted.element or ANY, (*path, i)) for i, item in enumerate(value))
        case ("map", dict()):
            return _first(mismatch(item, wanted.element or ANY, (*path, key)) for key, item in value.items())
        case ("object", dict()):
            return _object_mismatch(value, wanted, path)
        case ("tuple", list()):
            return _tuple_mismatch(value, wanted, path)
    return Mismatch(path, f"the module wants {_noun(wanted)}, this is {described(value)}", _hint(value, wanted))


def _object_mismatch(value: dict[str, Any], wanted: Type, path: tuple[str | int, ...]) -> Mismatch | None:
    for key in wanted.attributes:
        if key not in value and key not in wanted.optional:
            return Mismatch(path, f"{dotted((key,))} is missing", f"The module wants {_noun(wanted)}")
    for key, item in value.items():
        if key not in wanted.attributes:
            hint = nearest(key, wanted.attributes)
            return Mismatch((*path, key), f"the module has no attribute {dotted((key,))} here", hint)
        if found := mismatch(item, wanted.attributes[key], (*path, key)):
            return found
    return None


def _tuple_mismatch(value: list[Any], wanted: Type, path: tuple[str | int, ...]) -> Mismatch | None:
    if len(value) != len(wanted.elements):
        what = f"the module wants {len(wanted.elements)} items, this list has {len(value)}"
        return Mismatch(path, what, "Write one item for each element of the tuple")
    pairs = zip(value, wanted.elements, strict=True)
    return _first(mismatch(item, element, (*path, i)) for i, (item, element) in enumerate(pairs))


def _first(found: Iterator[Mismatch | None]) -> Mismatch | None:
    return next((m for m in found if m), None)


def _noun(wanted: Type) -> str:
    match wanted.name:
        case "string":
            return "text"
        case "list" | "set" | "tuple":
            return "a list"
        case "map":
            return "a mapping"
        case "object":
            return f"a mapping with {', '.join(wanted.attributes) or 'no keys'}"
        case name:
            return f"a {name}"


def _hint(value: Any, wanted: Type) -> str:
    match wanted.name, value:
        case ("string", bool()):
            return "Quote it: YAML reads yes, no, on, off, true and false as bools"
        case ("string", int() | float()):
            return f'Quote it: "{value}"'
        case (("number" | "bool"), str()):
            return f"Write {'true or false' if wanted.name == 'bool' else 'the number'} without quotes"
        case (("list" | "set" | "tuple"), str() | int() | float()):
            return f"Write [{value}]" if len(str(value)) < 40 and str(value).isalnum() else "Write it as a list: [...]"
        case (("map" | "object"), _):
            return "Write it as a mapping: {key: value}"
        case _:
            return f"Write {_noun(wanted)}"
