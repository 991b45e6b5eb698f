"""pydantic's errors in our words. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tfdriver.spec.document import SpecDocument
from tfdriver.spec.names import Reason
from tfdriver.spec.problems import Problems
from tfdriver.spec.shape import SpecShape, shape_at
from tfdriver.spec.words import dotted, kind, meant, named, nearest, shown
from tfdriver.spec.yaml_reader import Path

_KEY_MARK = "[key]"
_BOOLS = "Quote it if it is text: YAML reads yes, no, on, off, true and false as bools"
_START = "`tfdriver init DIR` writes an example to start from"
_KNOWN = "This tfdriver reads version 1"
_EXAMPLES = {
    "version": "Add `version: 1`",
    "accounts": 'Add e.g. `accounts: {account_a: {id: "111111111111"}}`',
    "roles": "Add `roles:`, each with `account:` and `module:`",
    "id": 'Add the account\'s 12 digits, e.g. `id: "111111111111"`',
    "account": "Add `account:` with a key of `accounts:`",
    "module": "Add `module:` with a folder of modules/ or a Terraform module source",
}


def read_shape(document: SpecDocument) -> SpecShape:
    """Return a document's data as a SpecShape. Raises TfdriverError for what comes first in the file."""
    try:
        return SpecShape.model_validate(document.data)
    except ValidationError as error:
        problems = Problems(document)
        found_at = [(found, _path(found)) for found in error.errors(include_url=False)]
        misspelt = {_meant(path) for found, path in found_at if found["type"] == "extra_forbidden"}
        for found, path in found_at:
            if found["type"] == "missing" and path in misspelt:
                continue  # it is there, under another name, and that is told
            what, cure = _words(found["type"], path, found["input"], found.get("ctx", {}))
            problems.add(path, what, cure)
        problems.raise_first()
        raise


def _path(found: Mapping[str, Any]) -> Path:
    return tuple(part for part in found["loc"] if part != _KEY_MARK)


def _meant(path: Path) -> Path:
    """Return the path of the key that an unknown one seems to mean."""
    return (*path[:-1], meant(str(path[-1]), shape_at(path[:-1]).model_fields))


def _words(error: str, path: Path, value: Any, context: dict[str, Any]) -> Reason:
    last = str(path[-1]) if path else ""
    match error:
        case "rule":
            return Reason(context["what"], context["cure"])
        case "missing":
            return Reason(f"{last} is missing", _EXAMPLES.get(last, ""))
        case "extra_forbidden":
            return Reason(f"unknown key {named(last)}", nearest(last, shape_at(path[:-1]).model_fields))
        case "too_short":
            return Reason("is empty", "Name at least one, or leave the key out" if last == "trusts" else "Name one")
        case "int_type" | "greater_than_equal" | "less_than_equal":
            plain = "Write `version: 1`, without quotes"
            return Reason(f"{kind(value)} is no known version", plain if str(value) in ("1", "1.0") else _KNOWN)
        case _:
            return _wrong_type(error, path, last, value)


def _wrong_type(error: str, path: Path, last: str, value: Any) -> Reason:
    wanted = {"string_type": "text", "bool_type": "true or false", "list_type": "a list"}.get(error, "a mapping")
    if not path:
        return Reason(f"must be a mapping with version, accounts and roles, is {kind(value)}", _START)
    if value is None:
        return Reason("has no value", _EXAMPLES.get(last) or f"Write {wanted}, or leave the key out")
    what = f"must be {wanted}, is {kind(value)}"
    match wanted, value:
        case ("text", bool()):
            return Reason(what, _BOOLS)
        case ("text", int() | float()):
            return Reason(what, _quoted(last, value))
        case ("a list", str()) if last == "trusts":
            return Reason(what, f"Write [{value}]" if value.isidentifier() else "Write the keys of roles, e.g. [bar]")
        case ("true or false", str()):
            return Reason(what, "Write it without quotes")
        case _:
            return Reason(what, f"Write {dotted(path[-1:])} as {wanted}")


def _quoted(last: str, value: float) -> str:
    if last == "open_for":
        return f'Write "{value}s" if these are seconds'
    if last == "id" and len(str(value)) != 12:
        return "Quote it, all 12 digits: YAML reads numbers without their zeros"
    return f"Quote it: {shown(str(value))}"
