"""Reads type constraints of Terraform variables. Pure; no I/O. Source: Terraform, "Type Constraints"."""

from __future__ import annotations

from collections.abc import Sequence

from tfdriver.spec.hcl_tokens import HclSyntaxError, Token, TokenKind, tokens
from tfdriver.spec.terraform_types import ANY, Type

_PRIMITIVES = ("string", "number", "bool", "any")
_COLLECTIONS = ("list", "set", "map")
_DEEPEST = 60


def read_type(expression: str | Sequence[Token]) -> Type:
    """Return the type that an expression means, e.g. `list(string)`. Raises HclSyntaxError for one that is no type."""
    found = tokens(expression) if isinstance(expression, str) else expression
    relevant = [t for t in found if t.kind not in (TokenKind.NEWLINE, TokenKind.END)]
    if len(relevant) == 1 and relevant[0].kind is TokenKind.STRING:
        return read_type(relevant[0].text)  # Terraform 0.11 wrote type = "string"
    reader = _TypeReader(relevant)
    result = reader.type()
    reader.expect_end()
    return result


class _TypeReader:
    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0

    def type(self) -> Type:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("types in types, too deep")
        found = self._type(self._name())
        self._depth -= 1
        return found

    def _type(self, name: str) -> Type:
        if name in _PRIMITIVES:
            return Type(name)
        if name in _COLLECTIONS:
            return Type(name, element=self._element())
        if name in ("object", "tuple"):
            self._symbol("(")
            found = self._object() if name == "object" else self._tuple()
            self._symbol(")")
            return found
        raise self._error(f"{name[:40]} is no type")

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise self._error("something stands after the type")

    def _element(self) -> Type:
        if not self._is("("):
            return ANY  # `type = list`, the older way to write list(any)
        self._symbol("(")
        found = self.type()
        self._symbol(")")
        return found

    def _object(self) -> Type:
        self._symbol("{")
        attributes, optional = {}, set()
        while not self._is("}"):
            name = self._name()
            self._at += 1  # = or :
            attributes[name], may_be_left_out = self._attribute()
            optional |= {name} if may_be_left_out else set()
            self._comma()
        self._symbol("}")
        return Type("object", attributes=attributes, optional=frozenset(optional))

    def _attribute(self) -> tuple[Type, bool]:
        if self._peek_text() != "optional":
            return self.type(), False
        self._at += 1
        self._symbol("(")
        found = self.type()
        self._skip_default()
        return found, True

    def _skip_default(self) -> None:
        """Go past `, DEFAULT)` or `)`."""
        depth = 1
        while depth:
            if self._at >= len(self._tokens):
                raise self._error("optional( is not closed")
            token = self._tokens[self._at]
            if token.kind is TokenKind.SYMBOL:
                depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
            self._at += 1

    def _tuple(self) -> Type:
        self._symbol("[")
        elements = []
        while not self._is("]"):
            elements.append(self.type())
            self._comma()
        self._symbol("]")
        return Type("tuple", elements=tuple(elements))

    def _comma(self) -> None:
        if self._is(","):
            self._at += 1

    def _name(self) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at].kind not in (TokenKind.NAME, TokenKind.STRING):
            raise self._error("a type should stand here")
        self._at += 1
        return self._tokens[self._at - 1].text

    def _symbol(self, symbol: str) -> None:
        if not self._is(symbol):
            raise self._error(f"{symbol} should stand here")
        self._at += 1

    def _is(self, symbol: str) -> bool:
        return self._peek_text() == symbol and self._tokens[self._at].kind is TokenKind.SYMBOL

    def _peek_text(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _error(self, what: str) -> HclSyntaxError:
        near = self._tokens[min(self._at, len(self._tokens) - 1)] if self._tokens else None
        return HclSyntaxError(f"in a type: {what}", near.line if near else 1)
