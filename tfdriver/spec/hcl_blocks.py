"""The blocks and arguments of a Terraform file. Pure; no I/O.

Only the structure is checked (blocks, arguments, brackets, strings); what expressions mean is left to Terraform.
Source: HCL's syntax specification, "Structural Elements".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tfdriver.spec.hcl_tokens import HclSyntaxError, Token, TokenKind, tokens

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_DEEPEST = 60


@dataclass(frozen=True)
class Body:
    """What stands between a block's braces, or in a file. arguments: tokens of each expression, by name."""

    arguments: Mapping[str, list[Token]]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Block:
    """A block. type: e.g. `variable`; labels: e.g. (`table_name`,); line, end: of its type and its last, from 1."""

    type: str
    labels: tuple[str, ...]
    body: Body
    line: int
    end: int


@lru_cache(maxsize=256)  # a module's files are read for what they declare and again for their policies
def read_blocks(text: str) -> Body:
    """Return what a Terraform file holds. Raises HclSyntaxError."""
    return _Parser(tokens(text)).file()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0

    def file(self) -> Body:
        body = self._body(0)
        if self._peek().kind is not TokenKind.END:
            raise self._unexpected("a block or an argument")
        return body

    def _body(self, depth: int) -> Body:
        if depth > _DEEPEST:
            raise HclSyntaxError("blocks in blocks, too deep", self._peek().line)
        arguments: dict[str, list[Token]] = {}
        blocks: list[Block] = []
        while True:
            self._skip_newlines()
            name = self._peek()
            if name.kind is not TokenKind.NAME:
                return Body(arguments, tuple(blocks))
            self._at += 1
            if self._is("="):
                self._at += 1
                if name.text in arguments:
                    raise HclSyntaxError(f"{name.text} is given twice", name.line)
                arguments[name.text] = self._expression()
            else:
                blocks.append(self._block(name, depth))

    def _block(self, name: Token, depth: int) -> Block:
        labels = []
        while self._peek().kind in (TokenKind.STRING, TokenKind.NAME):
            labels.append(self._take().text)
        if not self._is("{"):
            raise self._unexpected("= or {")
        opened = self._take()
        body = self._body(depth + 1)
        if not self._is("}"):
            raise self._unexpected(f"the }} that closes line {opened.line}")
        end = self._take().line
        if not (self._peek().kind in (TokenKind.NEWLINE, TokenKind.END) or self._is("}")):
            raise self._unexpected("a new line")
        return Block(name.text, tuple(labels), body, name.line, end)

    def _expression(self) -> list[Token]:
        """Take an expression: up to the end of the line, or of the brackets that are open there."""
        start, open_brackets = self._at, list[Token]()
        while (token := self._peek()).kind is not TokenKind.END:
            if not open_brackets and (token.kind is TokenKind.NEWLINE or self._is("}")):
                break
            if token.kind is TokenKind.SYMBOL:
                self._bracket(token, open_brackets)
            self._at += 1
        if open_brackets:
            raise HclSyntaxError(f"the {open_brackets[-1].text} is not closed", open_brackets[-1].line)
        found = [t for t in self._tokens[start : self._at] if t.kind is not TokenKind.NEWLINE]
        if not found or (found[0].text == "=" and found[0].kind is TokenKind.SYMBOL):
            raise HclSyntaxError("there is no value after =", self._tokens[start - 1].line)
        return found

    def _bracket(self, token: Token, open_brackets: list[Token]) -> None:
        if token.text in _CLOSING:
            open_brackets.append(token)
        elif token.text in _CLOSING.values():
            if not open_brackets or _CLOSING[open_brackets[-1].text] != token.text:
                raise HclSyntaxError(f"a {token.text} that closes nothing", token.line)
            open_brackets.pop()

    def _skip_newlines(self) -> None:
        while self._peek().kind is TokenKind.NEWLINE:
            self._at += 1

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _is(self, symbol: str) -> bool:
        token = self._peek()
        return token.kind is TokenKind.SYMBOL and token.text == symbol

    def _unexpected(self, wanted: str) -> HclSyntaxError:
        token = self._peek()
        found = {TokenKind.END: "the end of the file", TokenKind.NEWLINE: "a new line"}.get(token.kind, token.text[:20])
        return HclSyntaxError(f"{wanted} should stand here, not {found}", token.line)
