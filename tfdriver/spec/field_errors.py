"""Translates pydantic's errors into problems of the spec. Pure; no I/O."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tfdriver.spec.fields import AccountShape, RoleShape, Shape, SpecShape
from tfdriver.spec.message_text import described, named, nearest, quoted
from tfdriver.spec.names import Reason
from tfdriver.spec.problems import Problems
from tfdriver.spec.yaml_reader import Path

_WANTED = {"string_type": "text", "bool_type": "true or false", "list_type": "a list"}
_PARTS: dict[str | int, type[Shape]] = {"accounts": AccountShape, "roles": RoleShape}
_EXAMPLES = {
    "version": "Add `version: 1`",
    "accounts": 'Add e.g. `accounts: {account_a: {id: "111111111111"}}`',
    "roles": "Add `roles:`, each with `account:` and `module:`",
    "id": 'Add the account\'s 12 digits, e.g. `id: "111111111111"`',
    "account": "Add `account:` with a key of `accounts:`",
}


def read_shape(data: Any, problems: Problems) -> SpecShape:
    """Return a document's data as a SpecShape. Raises TfdriverError for the first problem in the file."""
    try:
        return SpecShape.model_validate(data)
    except ValidationError as error:
        found = [(tuple(part for part in e["loc"] if part != "[key]"), e) for e in error.errors(include_url=False)]
        unknown = {path[:-1] for path, e in found if e["type"] == "extra_forbidden"}
        for path, e in found:
            # A key that is missing next to an unknown key is probably the misspelt one.
            if e["type"] != "missing" or path[:-1] not in unknown:
                problems.add(path, *_reason(path, e))
        problems.raise_first()
        raise


def _reason(path: Path, error: ErrorDetails) -> Reason:
    last, value = str(path[-1]) if path else "", error["input"]
    match error["type"]:
        case "rule":
            return Reason(**error["ctx"])
        case "missing":
            return Reason(f"{last} is missing", _EXAMPLES.get(last, ""))
        case "extra_forbidden":
            return Reason(f"unknown key {named(last)}", _known(last, path[0]))
        case "too_short":
            return Reason("is empty", "Name at least one, or leave the key out" if last == "trusts" else "Name one")
        case "string_too_short":
            return Reason("is empty", "Write a name")
        case "int_type" | "greater_than_equal" | "less_than_equal":
            is_one = str(value) in ("1", "1.0")
            hint = "Write `version: 1`, without quotes" if is_one else "This tfdriver reads version 1"
            return Reason(f"{described(value)} is not a known version", hint)
    wanted = _WANTED.get(error["type"], "a mapping")
    if not path:
        what = f"must be a mapping with version, accounts and roles, is {described(value)}"
        return Reason(what, "Run `tfdriver init DIR` to create an example")
    if value is None:
        return Reason("has no value", _EXAMPLES.get(last) or f"Write {wanted}, or leave the key out")
    return Reason(f"must be {wanted}, is {described(value)}", _hint(last, wanted, value))


def _known(key: str, part: str | int) -> str:
    """Return a hint for an unknown key. part: the part of the spec that it is in, e.g. `roles`."""
    own = _PARTS.get(part, SpecShape)
    others = (other for other, shape in _PARTS.items() if shape is not own and key in shape.model_fields)
    return next((f"It is a key of `{other}:`" for other in others), nearest(key, own.model_fields))


def _hint(last: str, wanted: str, value: Any) -> str:
    match wanted, value:
        case "text", bool():
            return "Quote it if it is text: YAML reads yes, no, on, off, true and false as bools"
        case "text", int() | float() if last == "open_for":
            return f'Write "{value}s" if these are seconds'
        case "text", int() | float() if last == "id" and len(str(value)) != 12:
            return "Quote it, with all 12 digits: YAML drops the leading zeros of numbers"
        case "text", int() | float():
            return f"Quote it: {quoted(str(value))}"
        case "a list", str():
            return f"Write [{value}]" if value.isidentifier() else "Write the keys of roles, e.g. [bar]"
        case "true or false", str():
            return "Write it without quotes"
        case _:
            return f"Write it as {wanted}"
