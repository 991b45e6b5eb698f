"""pydantic's errors in our words. Pure; no I/O."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tfdriver.spec.names import Reason
from tfdriver.spec.problems import Problems
from tfdriver.spec.shape import AccountShape, RoleShape, Shape, SpecShape
from tfdriver.spec.words import kind, named, nearest, shown
from tfdriver.spec.yaml_reader import Path

_WANTED = {"string_type": "text", "bool_type": "true or false", "list_type": "a list"}
_PARTS: dict[str | int, type[Shape]] = {"accounts": AccountShape, "roles": RoleShape}
_EXAMPLES = {
    "version": "Add `version: 1`",
    "accounts": 'Add e.g. `accounts: {account_a: {id: "111111111111"}}`',
    "roles": "Add `roles:`, each with `account:` and `module:`",
    "id": 'Add the account\'s 12 digits, e.g. `id: "111111111111"`',
    "account": "Add `account:` with a key of `accounts:`",
    "module": "Add `module:` with a folder of modules/ or a Terraform module source",
}


def read_shape(data: Any, problems: Problems) -> SpecShape:
    """Return a document's data as a SpecShape. Raises TfdriverError for what comes first in the file."""
    try:
        return SpecShape.model_validate(data)
    except ValidationError as error:
        found = [(tuple(part for part in e["loc"] if part != "[key]"), e) for e in error.errors(include_url=False)]
        unknown = {path[:-1] for path, e in found if e["type"] == "extra_forbidden"}
        for path, e in found:
            # What is missing beside an unknown key is likely to be there, misspelt.
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
            return Reason(f"unknown key {named(last)}", nearest(last, _PARTS.get(path[0], SpecShape).model_fields))
        case "too_short":
            return Reason("is empty", "Name at least one, or leave the key out" if last == "trusts" else "Name one")
        case "string_too_short":
            return Reason("is empty", "Write the name of one")
        case "int_type" | "greater_than_equal" | "less_than_equal":
            meant = str(value) in ("1", "1.0")
            cure = "Write `version: 1`, without quotes" if meant else "This tfdriver reads version 1"
            return Reason(f"{kind(value)} is no known version", cure)
    wanted = _WANTED.get(error["type"], "a mapping")
    if not path:
        what = f"must be a mapping with version, accounts and roles, is {kind(value)}"
        return Reason(what, "`tfdriver init DIR` writes an example to start from")
    if value is None:
        return Reason("has no value", _EXAMPLES.get(last) or f"Write {wanted}, or leave the key out")
    return Reason(f"must be {wanted}, is {kind(value)}", _cure(last, wanted, value))


def _cure(last: str, wanted: str, value: Any) -> str:
    match wanted, value:
        case "text", bool():
            return "Quote it if it is text: YAML reads yes, no, on, off, true and false as bools"
        case "text", int() | float() if last == "open_for":
            return f'Write "{value}s" if these are seconds'
        case "text", int() | float() if last == "id" and len(str(value)) != 12:
            return "Quote it, all 12 digits: YAML reads numbers without their zeros"
        case "text", int() | float():
            return f"Quote it: {shown(str(value))}"
        case "a list", str():
            return f"Write [{value}]" if value.isidentifier() else "Write the keys of roles, e.g. [bar]"
        case "true or false", str():
            return "Write it without quotes"
        case _:
            return f"Write it as {wanted}"
