"""The policy statements that stand in a Terraform file in so many words. Pure; no I/O.

A statement comes out as in a policy document, its `Action`, `Resource` and so on as lists of strings. What is computed
(variables, functions, other modules) is left out; locals are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.iam.policy_document import Document, parse_policy, statements
from tfdriver.spec.hcl import Body, Expression

_ELEMENTS = {
    "effect": "Effect",
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
# Functions whose result holds the strings they are given as they are.
_JOINING = frozenset(
    ("concat", "toset", "tolist", "distinct", "flatten", "compact", "sort", "setunion", "coalescelist")
)

Locals = Mapping[str, Expression]  # local values, by name


def block_statements(body: Body, values: Locals) -> list[Document]:
    """Return the statements of an `aws_iam_policy_document`."""
    return [_statement(found, values) for found in _statement_blocks(body)]


def encoded_statements(expression: Expression | None, values: Locals) -> list[Document]:
    """Return the statements in `jsonencode({...})` or in a heredoc of JSON."""
    match expression:
        case Expression("heredoc", text):
            return _from_json(text)
        case Expression("call", "jsonencode"):
            objects = [_value(found, values) for found in _objects(expression)]
            return [found for found in objects if {"Action", "NotAction"} & set(found)]
    return []


def strings(expression: Expression | None, values: Locals) -> list[str]:
    """Return the strings that an expression puts out as they stand there, or in the locals it names.

    Not those that are handed to a function which may make something else of them.
    """
    return list(_strings(expression, values, set()))


def _strings(expression: Expression | None, values: Locals, looked_up: set[str]) -> Iterator[str]:
    """Yield the strings; each local is looked up once, so that those naming themselves do not matter."""
    match expression:
        case Expression("string", text):
            yield text
        case Expression("reference", reference) if reference.startswith("local."):
            name = reference.split(".")[1]
            if name not in looked_up:
                looked_up.add(name)
                yield from _strings(values.get(name), values, looked_up)
        case Expression(kind, function, parts) if kind != "call" or function in _JOINING:
            for part in parts:
                yield from _strings(part, values, looked_up)


def _statement_blocks(body: Body) -> Iterator[Body]:
    for block in body.blocks:
        if block.type == "statement":
            yield block.body
        elif block.type == "dynamic" and block.labels == ("statement",):
            yield from (content.body for content in block.body.blocks if content.type == "content")


def _statement(body: Body, values: Locals) -> dict[str, Any]:
    """A `statement` block as a statement of a policy document."""
    found: dict[str, Any] = {
        element: strings(body.arguments[argument], values)
        for argument, element in _ELEMENTS.items()
        if argument in body.arguments
    }
    found["Effect"] = (found.get("Effect") or ["Allow"])[0]
    for block in body.blocks:
        if block.type in ("principals", "not_principals"):
            arguments = block.body.arguments
            kinds = strings(arguments.get("type"), values)
            principals = strings(arguments.get("identifiers"), values)
            key = "Principal" if block.type == "principals" else "NotPrincipal"
            found.setdefault(key, {"AWS": []})["AWS"] += principals if kinds in (["AWS"], ["*"]) else []
    return found


def _from_json(text: str) -> list[Document]:
    try:
        return statements(parse_policy(text))
    except ValueError:
        return []


def _objects(expression: Expression) -> Iterator[Expression]:
    if expression.kind == "object":
        yield expression
    for part in expression.parts:
        yield from _objects(part)


def _value(expression: Expression, values: Locals) -> Any:
    """Return an object as a dict of its members, anything else as the strings it puts out."""
    if expression.kind != "object":
        return strings(expression, values)
    members = {member.text: _value(member.parts[0], values) for member in expression.parts}
    if isinstance(members.get("Effect"), list):
        members["Effect"] = (members["Effect"] or ["Allow"])[0]
    return members
