"""The text that an expression of Terraform's language stands for, as far as it can be told. Pure; no I/O.

Names of resources are mostly a variable, a local value, an attribute of another resource, or text with these in it.
What else there is (conditionals, most functions, data sources) is UNKNOWN: no guess is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tfdriver.spec.hcl_tokens import HclSyntaxError, Token, TokenKind, template_end, tokens

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
    """What expressions of a module may name. variables: values; defaults, locals: tokens of what stands there.

    worked_out: what was found already, by path.
    """

    variables: Mapping[str, Text] = field(default_factory=dict)
    defaults: Mapping[str, Sequence[Token]] = field(default_factory=dict)
    locals: Mapping[str, Sequence[Token]] = field(default_factory=dict)
    attribute: Attribute = lambda _type, _name, _attribute: UNKNOWN
    worked_out: dict[tuple[str, ...], Text] = field(default_factory=dict)


def text_of(expression: Sequence[Token], scope: Scope, depth: int = 0) -> Text:
    """Return what an expression stands for: text with UNKNOWN in it where that can't be told, or None for null."""
    if depth > _DEEPEST:
        return UNKNOWN
    words = [token.text for token in expression]
    match list(expression):
        case [Token(kind=TokenKind.STRING, text=text)]:
            return _template(text, scope, depth)
        case [Token(kind=TokenKind.NUMBER)]:
            return words[0]
        case [Token(text="null")]:
            return None
        case [Token(text="true" | "false")]:
            return words[0]
        case [Token(kind=TokenKind.NAME), Token(text="("), *_, Token(text=")")]:
            return _call(words[0], _arguments(expression[2:-1]), scope, depth)
    if len(words) in (3, 5) and set(words[1::2]) == {"."}:
        path = tuple(words[0::2])
        if path not in scope.worked_out:
            scope.worked_out[path] = UNKNOWN  # if it should name itself
            scope.worked_out[path] = _reference(path, scope, depth)
        return scope.worked_out[path]
    return UNKNOWN


def _reference(path: tuple[str, ...], scope: Scope, depth: int) -> Text:
    match path:
        case ("var", name):
            if name in scope.variables:
                return scope.variables[name]
            return text_of(scope.defaults.get(name, ()), scope, depth + 1)
        case ("local", name):
            return text_of(scope.locals.get(name, ()), scope, depth + 1)
        case (resource_type, name, attribute):
            return scope.attribute(resource_type, name, attribute)
    return UNKNOWN


def _template(text: str, scope: Scope, depth: int) -> str:
    """Return what stands between quotes, with its `${...}` worked out."""
    found, at = [], 0
    while at < len(text):
        if text.startswith(("\\", "%{", "%%{", "$${"), at):
            return UNKNOWN  # escapes are no part of any name
        if text.startswith("${", at):
            end = template_end(text, at + 2)
            found.append(_inside(text[at + 2 : end - 1], scope, depth))
            at = end
        else:
            found.append(text[at])
            at += 1
    whole = re.sub(f"{UNKNOWN}+", UNKNOWN, "".join(found))
    return whole if len(whole) <= _LONGEST else UNKNOWN


def _inside(text: str, scope: Scope, depth: int) -> str:
    try:
        value = text_of(tokens(text)[:-1], scope, depth + 1)
    except HclSyntaxError:
        value = UNKNOWN
    return UNKNOWN if value is None else value


def _arguments(expression: Sequence[Token]) -> list[list[Token]]:
    """Cut the inside of a call's brackets at its commas."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in expression:
        if token.kind is TokenKind.SYMBOL:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
            if token.text == "," and not depth:
                found.append([])
                continue
            if depth < 0:
                return []  # two calls in a row, not one
        found[-1].append(token)
    return [argument for argument in found if argument]


def _call(function: str, arguments: list[list[Token]], scope: Scope, depth: int) -> Text:
    values = [text_of(argument, scope, depth + 1) for argument in arguments]
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
