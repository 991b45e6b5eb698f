"""The text that an expression of Terraform's language stands for, as far as it can be told. Pure; no I/O.

Names of resources are mostly a variable, a local value, an attribute of another resource, or text with these in it.
What else there is (conditionals, most functions, data sources) is UNKNOWN: no guess is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tfdriver.spec.hcl import Expression

# Stands for text that cannot be told, also in the middle of other text. Half of a surrogate pair: no file can hold it.
UNKNOWN = "\ud800"

# What an expression stands for; None is Terraform's null.
Text = str | None
# ("aws_iam_role", "this", "name") -> the value of that attribute.
Attribute = Callable[[str, str, str], Text]

_DEEPEST = 20
_LONGEST = 2048  # characters; no ARN is longer
_CHARACTER_CLASS = re.compile(r"/(\[[^\[\]\\]+\]\+?)/")  # the only regular expressions that are followed


@dataclass(frozen=True)
class Scope:
    """What expressions of a module may name. variables: values; defaults, locals: expressions.

    worked_out: what was found already, by reference.
    """

    variables: Mapping[str, Text] = field(default_factory=dict)
    defaults: Mapping[str, Expression] = field(default_factory=dict)
    locals: Mapping[str, Expression] = field(default_factory=dict)
    attribute: Attribute = lambda _type, _name, _attribute: UNKNOWN
    worked_out: dict[str, Text] = field(default_factory=dict)


def text_of(expression: Expression | None, scope: Scope, depth: int = 0) -> Text:
    """Return what an expression stands for: text with UNKNOWN in it where that can't be told, or None for null."""
    if depth > _DEEPEST:
        return UNKNOWN
    match expression:
        case Expression("literal", "null"):
            return None
        case Expression("literal" | "text", text):
            return text
        case Expression("string", _, parts):
            values = [text_of(part, scope, depth + 1) for part in parts]
            text = "".join(UNKNOWN if value is None else value for value in values)
            return re.sub(f"{UNKNOWN}+", UNKNOWN, text) if len(text) <= _LONGEST else UNKNOWN
        case Expression("call", function, arguments):
            return _call(function, [text_of(argument, scope, depth + 1) for argument in arguments])
        case Expression("reference", name):
            if name not in scope.worked_out:
                scope.worked_out[name] = UNKNOWN  # if it should name itself
                scope.worked_out[name] = _reference(name, scope, depth)
            return scope.worked_out[name]
    return UNKNOWN


def _reference(reference: str, scope: Scope, depth: int) -> Text:
    match reference.split("."):
        case ["var", name] if name in scope.variables:
            return scope.variables[name]
        case ["var", name]:
            return text_of(scope.defaults.get(name), scope, depth + 1)
        case ["local", name]:
            return text_of(scope.locals.get(name), scope, depth + 1)
        case [resource_type, name, attribute]:
            return scope.attribute(resource_type, name, attribute)
    return UNKNOWN


def _call(function: str, values: list[Text]) -> Text:
    match function, values:
        case "coalesce", _:
            return next((value for value in values if value), UNKNOWN)
        case "replace", [str(text), str(old), str(new)]:
            return _replace(text, old, new)
        case (("lower" | "upper"), [str(text)]):
            return text.lower() if function == "lower" else text.upper()
    return UNKNOWN


def _replace(text: str, old: str, new: str) -> str:
    """Replace as Terraform does: a regular expression between slashes, else plain text."""
    if UNKNOWN in text + old + new:
        return UNKNOWN
    if not (len(old) > 1 and old.startswith("/") and old.endswith("/")):
        return text.replace(old, new)
    pattern = _CHARACTER_CLASS.fullmatch(old)
    try:
        return re.sub(pattern[1], lambda _: new, text) if pattern and "$" not in new else UNKNOWN
    except re.error:
        return UNKNOWN
