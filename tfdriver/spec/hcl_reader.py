"""Reads Terraform's language with tree-sitter-hcl: blocks, arguments and expressions. Pure; no I/O.

Source: HCL's syntax specification (hclsyntax/spec.md). The types of nodes are those of tree-sitter-hcl's grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

_LANGUAGE = Language(tree_sitter_hcl.language())
_EXPONENT = re.compile(rb"(?<![\w.-])(\d+)([eE][+-]?\d+)\b")
_ESCAPE = re.compile(r"\\|\$\$\{|%%\{")
_CLOSING = {"}": "`}`", "]": "`]`", ")": "`)`", "quoted_template_end": '`"`', "heredoc_identifier": "heredoc marker"}


class HclSyntaxError(Exception):
    """The text is not valid HCL. line: from 1."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


@dataclass(frozen=True)
class Expression:
    """An expression. line: its first, from 1. kind: one of these, with its text and parts.

    `string`: the text between the quotes, as written; parts of kind `text` and the expressions in its `${}`.
    `heredoc`: the lines between its markers, as written; no parts.
    `literal`: a number, `true`, `false` or `null`; no parts.
    `reference`: names joined by dots, e.g. `local.name`; no parts.
    `call`: the function's name; its arguments.
    `list`: no text; its items.
    `object`: no text; parts of kind `member`, each with its key as text and its value as the only part.
    `other`: no text; the expressions in it, except those in an operation.
    """

    kind: str
    text: str = ""
    parts: tuple[Expression, ...] = ()
    _: KW_ONLY
    line: int = 1


@dataclass(frozen=True)
class Body:
    """The content of a file, or of a block between its braces. arguments: by name."""

    arguments: Mapping[str, Expression]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Block:
    """A block. type: e.g. `variable`; labels: e.g. (`table_name`,); line, end: its first and last line, from 1."""

    type: str
    labels: tuple[str, ...]
    body: Body
    line: int
    end: int


@lru_cache(maxsize=256)  # a module's files are read for their declarations and again for their policies
def read_blocks(text: str) -> Body:
    """Return the content of a Terraform file. Raises HclSyntaxError."""
    source = text.encode(errors="replace")
    root = Parser(_LANGUAGE).parse(source).root_node
    if root.has_error:  # tree-sitter-hcl 1.2.0 accepts 1.0e3, but not 1e3
        root = Parser(_LANGUAGE).parse(_with_fractions(source, root)).root_node
    if root.has_error:
        raise _syntax_error(root, text)
    try:
        return _body(root)
    except RecursionError as error:
        raise HclSyntaxError("blocks or expressions are nested too deep", 1) from error


def _with_fractions(source: bytes, root: Node) -> bytes:
    """Return the text with `1.0e3` for `1e3`, except in strings and comments."""
    texts, todo = [], [root]
    while todo:
        node = todo.pop()
        if node.type in ("template_literal", "comment"):
            texts.append(range(node.start_byte, node.end_byte))
        todo += node.children

    def replacement(match: re.Match[bytes]) -> bytes:
        return match[0] if any(match.start() in text for text in texts) else match[1] + b".0" + match[2]

    return _EXPONENT.sub(replacement, source)


def read_expression(text: str) -> Expression:
    """Return a single expression. Raises HclSyntaxError for any other text."""
    body = read_blocks(f"value = {text}")
    if set(body.arguments) != {"value"} or body.blocks:
        raise HclSyntaxError("more than one expression", 1)
    return body.arguments["value"]


def _syntax_error(node: Node, text: str) -> HclSyntaxError:
    while inner := next((child for child in node.children if child.has_error), None):
        node = inner
    if node.is_missing and node.type in _CLOSING:
        opening = node
        while opening.parent and opening.start_byte == node.start_byte:
            opening = opening.parent
        return HclSyntaxError(f"line {_line(opening)} has no closing {_CLOSING[node.type]}", _line(node))
    # An error that spans the file has the valid blocks before it as its first children.
    node = next((child for child in node.children if child.type not in ("body", "block", "attribute")), node)
    line = text.split("\n")[_line(node) - 1].strip()
    return HclSyntaxError(f"invalid block or expression: {line[:60]}", _line(node))


def _body(parent: Node) -> Body:
    arguments: dict[str, Expression] = {}
    blocks: list[Block] = []
    for node in next((_children(node) for node in _children(parent) if node.type == "body"), []):
        if node.type == "block":
            blocks.append(_block(node))
            continue
        name, value = _children(node)
        if _text(name) in arguments:
            raise HclSyntaxError(f"{_text(name)} is given twice", _line(name))
        arguments[_text(name)] = _expression(value)
    return Body(arguments, tuple(blocks))


def _block(node: Node) -> Block:
    kind, *rest = _children(node)
    labels = tuple(_text(child).strip('"') for child in rest if child.type in ("string_lit", "identifier"))
    return Block(_text(kind), labels, _body(node), _line(node), node.end_point.row + 1)


def _expression(node: Node) -> Expression:
    children, line = _children(node), _line(node)
    match node.type:
        case "expression" | "literal_value" | "template_expr" | "collection_value":
            return _with_accessors(_expression(children[0]), children[1:])
        case "numeric_lit" | "bool_lit" | "null_lit":
            return Expression("literal", _text(node), line=line)
        case "variable_expr":
            return Expression("reference", _text(node), line=line)
        case "string_lit" | "quoted_template":
            return Expression("string", _text(node)[1:-1], tuple(_string_parts(node)), line=line)
        case "heredoc_template":
            return Expression("heredoc", "\n".join(_text(node).splitlines()[1:-1]), line=line)
        case "function_call":
            arguments = [value for child in children[1:] for value in _children(child)]
            return Expression("call", _text(children[0]), _expressions(arguments), line=line)
        case "tuple":
            return Expression("list", parts=_expressions(children), line=line)
        case "object":
            return Expression("object", parts=tuple(map(_expression, children[1:-1])), line=line)
        case "object_elem":
            key, value = map(_expression, children)
            return Expression("member", key.text, (value,), line=line)
        case "operation":  # its result is a number or a bool, not one of its operands
            return Expression("other", line=line)
    flattened: list[Expression] = []
    for part in map(_expression, children):
        flattened += part.parts if part.kind == "other" else [part]
    return Expression("other", parts=tuple(flattened), line=line)


def _with_accessors(expression: Expression, accessors: list[Node]) -> Expression:
    """Add the accessors that follow an expression: `.name`, `[index]`, `[*]`."""
    for node in accessors:
        if expression.kind == "reference" and node.type == "get_attr":
            reference = f"{expression.text}.{_text(_children(node)[0])}"
            expression = Expression("reference", reference, line=expression.line)
        else:
            expression = Expression("other", parts=(expression,), line=expression.line)
    return expression


def _string_parts(node: Node) -> Iterator[Expression]:
    """Yield the text and expressions between the quotes. Text with escapes, `${~ }` and `%{}` have the kind `other`."""
    source, at = node.text or b"", 1
    for child in _children(node)[1:]:  # the last child is the closing quote
        if child.type == "template_literal":  # lacks leading white space: the text is cut from `source` below
            continue
        if text := source[at : child.start_byte - node.start_byte].decode():
            yield Expression("other") if _ESCAPE.search(text) else Expression("text", text)
        at = child.end_byte - node.start_byte
        if inner := _children(child):
            yield _expression(inner[1] if child.type == "template_interpolation" and len(inner) == 3 else child)


def _expressions(nodes: list[Node]) -> tuple[Expression, ...]:
    return tuple(_expression(node) for node in nodes if node.type == "expression")


def _children(node: Node) -> list[Node]:
    return [child for child in node.named_children if not child.is_extra]  # comments are extra


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _line(node: Node) -> int:
    return node.start_point.row + 1
