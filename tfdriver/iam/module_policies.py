"""Reads the policy statements in a Terraform file. Pure; no I/O.

A statement is returned as in a policy document, with lists of strings as `Action`, `Resource` and so on. Only literal
strings and local values are read, not variables, functions or other modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.iam.policy_document import Document, parse_policy, statements
from tfdriver.spec.hcl_reader import Body, Expression

_ELEMENTS = {
    "effect": "Effect",
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
# Functions whose result contains their string arguments unchanged.
_JOINING = frozenset(
    ("concat", "toset", "tolist", "distinct", "flatten", "compact", "sort", "setunion", "coalescelist")
)

Locals = Mapping[str, Expression]  # local values, by name


def block_statements(body: Body, values: Locals) -> list[Document]:
    """Return the statements of an `aws_iam_policy_document`."""
    found: list[Document] = []
    for block in body.blocks:
        if block.type == "statement":
            found.append(_statement(block.body, values))
        elif block.type == "dynamic" and block.labels == ("statement",):
            found += [_statement(inner.body, values) for inner in block.body.blocks if inner.type == "content"]
    return found


def encoded_statements(expression: Expression | None, values: Locals) -> list[Document]:
    """Return the statements in `jsonencode({...})` or in a heredoc of JSON."""
    match expression:
        case Expression("heredoc", text):
            try:
                return statements(parse_policy(text))
            except ValueError:
                return []
        case Expression("call", "jsonencode"):
            objects = [_value(inner, values) for inner in _objects(expression)]
            return [members for members in objects if {"Action", "NotAction"} & set(members)]
    return []


def strings(expression: Expression | None, values: Locals) -> list[str]:
    """Return the literal strings in the value of an expression, also those in its local values.

    The arguments of functions that may change a string are left out.
    """
    return list(_strings(expression, values, set()))


def _strings(expression: Expression | None, values: Locals, visited: set[str]) -> Iterator[str]:
    """Yield the strings. Each local value is visited once, because it may refer to itself."""
    match expression:
        case Expression("string", text):
            yield text
        case Expression("reference", reference) if reference.startswith("local."):
            name = reference.split(".")[1]
            if name not in visited:
                visited.add(name)
                yield from _strings(values.get(name), values, visited)
        case Expression(kind, function, parts) if kind != "call" or function in _JOINING:
            for part in parts:
                yield from _strings(part, values, visited)


def _statement(body: Body, values: Locals) -> dict[str, Any]:
    """Return a `statement` block as a statement of a policy document."""
    statement: dict[str, Any] = {
        element: strings(body.arguments[argument], values)
        for argument, element in _ELEMENTS.items()
        if argument in body.arguments
    }
    statement["Effect"] = (statement.get("Effect") or ["Allow"])[0]
    for block in body.blocks:
        if block.type in ("principals", "not_principals"):
            arguments = block.body.arguments
            key = "Principal" if block.type == "principals" else "NotPrincipal"
            principals = statement.setdefault(key, {"AWS": []})
            if strings(arguments.get("type"), values) in (["AWS"], ["*"]):
                principals["AWS"] += strings(arguments.get("identifiers"), values)
    return statement


def _objects(expression: Expression) -> Iterator[Expression]:
    if expression.kind == "object":
        yield expression
    for part in expression.parts:
        yield from _objects(part)


def _value(expression: Expression, values: Locals) -> Any:
    """Return an object as a dict of its members, and the strings of any other expression."""
    if expression.kind != "object":
        return strings(expression, values)
    members = {member.text: _value(member.parts[0], values) for member in expression.parts}
    if isinstance(members.get("Effect"), list):
        members["Effect"] = (members["Effect"] or ["Allow"])[0]
    return members
