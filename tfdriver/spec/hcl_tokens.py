"""Terraform's language cut into tokens, each with its line. Pure; no I/O.

Only as much of the language as is needed to find what a module declares: strings are kept as they stand, with whatever
templates they hold. It must never refuse what Terraform accepts, so it is lenient about everything inside expressions.
Source: HCL's syntax specification (hclsyntax/spec.md), "Lexical Elements" and "Templates".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

_BLANK = re.compile(r"[ \t\r]+|#[^\n]*|//[^\n]*|/\*.*?\*/", re.S)
_NAME = re.compile(r"[^\W\d][\w-]*")
_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
_HEREDOC = re.compile(r"<<-?([^\W\d][\w-]*)\r?\n")
_STRING_PART = re.compile(r'[^"\\\n$%]+|\\[^\n]|\$\$\{|%%\{|(?P<open>[$%]\{)|[$%]|(?P<close>")')
_DEEPEST = 100


class TokenKind(Enum):
    """What a token is."""

    NAME = auto()
    NUMBER = auto()
    STRING = auto()  # text: between the quotes, as it stands
    HEREDOC = auto()
    NEWLINE = auto()
    SYMBOL = auto()  # one character
    END = auto()


@dataclass(frozen=True)
class Token:
    """A token. line: from 1."""

    kind: TokenKind
    text: str
    line: int


class HclSyntaxError(Exception):
    """Text that Terraform cannot read either. line: from 1."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


def tokens(text: str) -> list[Token]:
    """Return the tokens of a file, the last of kind END. Raises HclSyntaxError."""
    return _Lexer(text.removeprefix("\ufeff")).run()


def template_end(text: str, start: int) -> int:
    """Return where the `${` or `%{` in a string token's text ends whose content begins at `start`, after its brace."""
    return _Lexer(text).template_end(start, 1, 1)


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._found: list[Token] = []

    def run(self) -> list[Token]:
        while self._at < len(self._text):
            self._next()
        self._add(TokenKind.END, 0)
        return self._found

    def _next(self) -> None:
        if blank := _BLANK.match(self._text, self._at):
            self._advance(blank.end())
        elif self._text[self._at] == '"':
            self._string()
        elif heredoc := _HEREDOC.match(self._text, self._at):
            self._heredoc(heredoc)
        elif name := _NAME.match(self._text, self._at):
            self._add(TokenKind.NAME, name.end())
        elif number := _NUMBER.match(self._text, self._at):
            self._add(TokenKind.NUMBER, number.end())
        elif self._text.startswith("/*", self._at):
            raise HclSyntaxError("the comment is not closed with */", self._line)
        else:
            kind = TokenKind.NEWLINE if self._text[self._at] == "\n" else TokenKind.SYMBOL
            self._add(kind, self._at + 1)

    def _add(self, kind: TokenKind, end: int) -> None:
        self._found.append(Token(kind, self._text[self._at : end], self._line))
        self._advance(end)

    def _advance(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _string(self) -> None:
        end = self._string_end(self._at + 1, self._line, 0)
        self._found.append(Token(TokenKind.STRING, self._text[self._at + 1 : end - 1], self._line))
        self._advance(end)

    def _string_end(self, at: int, line: int, depth: int) -> int:
        """Return where the string whose content begins at `at` ends, after its quote."""
        while part := _STRING_PART.match(self._text, at):
            at = part.end()
            if part["close"]:
                return at
            if part["open"]:
                at = self.template_end(at, line, depth + 1)
        raise HclSyntaxError("the string is not closed", line)

    def template_end(self, at: int, line: int, depth: int) -> int:
        """Return where the `${` or `%{` whose content begins at `at` ends, after its brace."""
        if depth > _DEEPEST:
            raise HclSyntaxError("strings in strings, too deep", line)
        braces = 1
        while at < len(self._text):
            char = self._text[at]
            if char == '"':
                at = self._string_end(at + 1, line, depth)
                continue
            if blank := _BLANK.match(self._text, at):
                at = blank.end()
                continue
            at += 1
            braces += {"{": 1, "}": -1}.get(char, 0)
            if not braces:
                return at
        raise HclSyntaxError("a ${ or %{ is not closed", line)

    def _heredoc(self, start: re.Match[str]) -> None:
        end = re.compile(rf"^[ \t]*{re.escape(start[1])}[ \t]*\r?$", re.M).search(self._text, start.end())
        if not end:
            raise HclSyntaxError(f"the heredoc is not closed with {start[1]}", self._line)
        self._add(TokenKind.HEREDOC, end.end())
