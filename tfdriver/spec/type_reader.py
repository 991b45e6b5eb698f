"""Reads type constraints of Terraform variables. Pure; no I/O. Source: Terraform, "Type Constraints"."""

from __future__ import annotations

from tfdriver.spec.hcl_reader import Expression, HclSyntaxError
from tfdriver.spec.terraform_types import ANY, Type

_PRIMITIVES = ("string", "number", "bool", "any")
_COLLECTIONS = ("list", "set", "map")


def read_type(expression: Expression) -> Type:
    """Return the type of an expression such as `list(string)`. Raises HclSyntaxError for any other expression."""
    match expression:
        case Expression("reference" | "string", name) if name in _PRIMITIVES:  # Terraform 0.11 wrote type = "string"
            return Type(name)
        case Expression("reference" | "string", name) if name in _COLLECTIONS:
            return Type(name, element=ANY)  # `type = list` is the older form of list(any)
        case Expression("call", name, [element]) if name in _COLLECTIONS:
            return Type(name, element=read_type(element))
        case Expression("call", "tuple", [Expression("list", parts=elements)]):
            return Type("tuple", elements=tuple(map(read_type, elements)))
        case Expression("call", "object", [Expression("object", parts=members)]):
            return _object(members)
    raise HclSyntaxError(f"{expression.text[:40] or 'this expression'} is not a type", expression.line)


def _object(members: tuple[Expression, ...]) -> Type:
    attributes: dict[str, Type] = {}
    optional: set[str] = set()
    for member in members:
        match member.parts[0]:
            case Expression("call", "optional", [of, *_]):
                attributes[member.text] = read_type(of)
                optional.add(member.text)
            case of:
                attributes[member.text] = read_type(of)
    return Type("object", attributes=attributes, optional=frozenset(optional))
