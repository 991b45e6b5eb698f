"""Evaluates expressions of Terraform's language to text. Pure; no I/O.

It covers the expressions that resource names are usually made of: variables, local values, attributes of other
resources, and text with these in it. The value of any other expression is UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tfdriver.spec.hcl_reader import Expression

# Stands for unknown text, also inside other text. No file can contain it: it is an unpaired surrogate.
UNKNOWN = "\ud800"

# The value of an expression; None is Terraform's null.
Text = str | None
# ("aws_iam_role", "this", "name") -> the value of that attribute.
Attribute = Callable[[str, str, str], Text]

_DEEPEST = 20
_LONGEST = 2048  # characters; no ARN is longer
_CHARACTER_CLASS = re.compile(r"/(\[[^\[\]\\]+\]\+?)/")  # the only regular expressions that are evaluated


@dataclass(frozen=True)
class Scope:
    """The names that expressions of a module may refer to. variables: values; defaults, locals: expressions.

    evaluated: a cache of values, by reference.
    """

    variables: Mapping[str, Text] = field(default_factory=dict)
    defaults: Mapping[str, Expression] = field(default_factory=dict)
    locals: Mapping[str, Expression] = field(default_factory=dict)
    attribute: Attribute = lambda _type, _name, _attribute: UNKNOWN
    evaluated: dict[str, Text] = field(default_factory=dict)


def text_of(expression: Expression | None, scope: Scope, depth: int = 0) -> Text:
    """Return the value of an expression, with UNKNOWN for each unknown part of the text, or None for null."""
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
            if name not in scope.evaluated:
                scope.evaluated[name] = UNKNOWN  # the value if it refers to itself
                scope.evaluated[name] = _reference(name, scope, depth)
            return scope.evaluated[name]
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
    """Replace as Terraform does: `old` is a regular expression if it is between slashes."""
    if UNKNOWN in text + old + new:
        return UNKNOWN
    if not (len(old) > 1 and old.startswith("/") and old.endswith("/")):
        return text.replace(old, new)
    pattern = _CHARACTER_CLASS.fullmatch(old)
    try:
        return re.sub(pattern[1], lambda _: new, text) if pattern and "$" not in new else UNKNOWN
    except re.error:
        return UNKNOWN
