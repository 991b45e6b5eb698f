"""The policy statements that stand in a Terraform file in so many words. Pure; no I/O.

A statement comes out as in a policy document, its `Action`, `Resource` and so on as lists of strings. What is computed
(variables, functions, other modules) is left out; locals are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.iam.policy_document import Document, parse_policy, statements
from tfdriver.spec.hcl_blocks import Body
from tfdriver.spec.hcl_tokens import Token, TokenKind

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

Locals = Mapping[str, list[Token]]  # the tokens of each local value, by name


def block_statements(body: Body, values: Locals) -> list[Document]:
    """Return the statements of an `aws_iam_policy_document`."""
    return [_statement(found, values) for found in _statement_blocks(body)]


def encoded_statements(tokens: list[Token], values: Locals) -> list[Document]:
    """Return the statements in `jsonencode({...})` or in a heredoc of JSON."""
    if tokens and tokens[0].kind is TokenKind.HEREDOC:
        return _from_json(tokens[0].text)
    if not tokens or tokens[0].text != "jsonencode":
        return []
    return [s for s in _objects(tokens, values) if {"Action", "NotAction"} & set(s)]


def strings(tokens: list[Token], values: Locals) -> list[str]:
    """Return the strings that an expression puts out as they stand there, or in the locals it names.

    Not those that are handed to a function which may make something else of them, nor keys between `[` and `]`.
    """
    return list(_strings(tokens, values, set()))


def _strings(tokens: list[Token], values: Locals, looked_up: set[str]) -> Iterator[str]:
    """Yield the strings of `tokens`; each local is looked up once, so that those naming themselves do not matter."""
    counts = [True]
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        if _symbol(token) in ("(", "[", "{"):
            counts.append(counts[-1] and _passes_on(before, token))
        elif _symbol(token) in (")", "]", "}"):
            counts.pop()
        elif token.kind is TokenKind.STRING and counts[-1]:
            yield token.text
        elif counts[-1] and token.text == "local" and at + 2 < len(tokens):
            name = tokens[at + 2].text
            if name not in looked_up:
                looked_up.add(name)
                yield from _strings(values.get(name, []), values, looked_up)


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
            kinds = strings(arguments.get("type", []), values)
            principals = strings(arguments.get("identifiers", []), values)
            key = "Principal" if block.type == "principals" else "NotPrincipal"
            found.setdefault(key, {"AWS": []})["AWS"] += principals if kinds in (["AWS"], ["*"]) else []
    return found


def _from_json(heredoc: str) -> list[Document]:
    try:
        return statements(parse_policy("\n".join(heredoc.splitlines()[1:-1])))
    except ValueError:
        return []


def _objects(tokens: list[Token], values: Locals) -> Iterator[dict[str, Any]]:
    """Every `{...}` among the tokens, with those of its own members that are strings, lists of such, or objects."""
    opened = [at for at, token in enumerate(tokens) if _is(token, "{")]
    for start in opened:
        members: dict[str, Any] = {}
        for at in _members(tokens, start):
            members[tokens[at].text] = _member(tokens[at + 2 :], values)
        if isinstance(members.get("Effect"), list):
            members["Effect"] = (members["Effect"] or ["Allow"])[0]
        yield members


def _members(tokens: list[Token], start: int) -> Iterator[int]:
    """Where the names of the members of the object at `start` stand: a name or string before `=` or `:`."""
    depth = 0
    for at in range(start, len(tokens) - 1):
        depth += {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}.get(_symbol(tokens[at]), 0)
        if not depth:
            return
        named = tokens[at].kind in (TokenKind.NAME, TokenKind.STRING)
        if depth == 1 and named and _symbol(tokens[at + 1]) in ("=", ":"):
            yield at


def _member(tokens: list[Token], values: Locals) -> Any:
    """The value that the tokens begin with: an object with its AWS member, or strings."""
    if tokens and _is(tokens[0], "{"):
        return {tokens[at].text: _member(tokens[at + 2 :], values) for at in _members(tokens, 0)}
    return strings(_first(tokens), values)


def _first(tokens: list[Token]) -> list[Token]:
    """The tokens of the first value: a whole list, a `local.name`, or one token."""
    if tokens and _is(tokens[0], "["):
        closing = next((at for at, token in enumerate(tokens) if _is(token, "]")), len(tokens))
        return tokens[: closing + 1]
    return tokens[:3] if tokens and tokens[0].text == "local" else tokens[:1]


def _passes_on(before: Token | None, opening: Token) -> bool:
    """Whether what stands in these brackets becomes part of the value."""
    if before is None or (before.kind is TokenKind.SYMBOL and before.text not in (")", "]")):
        return True
    return _is(opening, "(") and before.text in _JOINING


def _is(token: Token, symbol: str) -> bool:
    return _symbol(token) == symbol


def _symbol(token: Token) -> str:
    return token.text if token.kind is TokenKind.SYMBOL else ""
