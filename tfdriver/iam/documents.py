"""Policy documents compared by meaning: order, string or list, upper and lower case in actions make no difference.

Pure; no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfdriver.iam.policy_document import Document, statements

Statement = tuple[tuple[str, Any], ...]


def same(one: Document, other: Document) -> bool:
    """Return whether two policy documents say the same."""
    return meaning(one) == meaning(other)


def meaning(document: Document) -> frozenset[Statement]:
    """Return what a policy document says, as a value to compare. Names of statements (`Sid`) say nothing."""
    return frozenset(_statement(statement) for statement in statements(document))


def words(document: Document) -> str:
    """Return a document as one line of JSON."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def difference(wanted: Document, live: Document) -> str:
    """Say what a live document says beyond, and short of, the wanted one; '' if they say the same."""
    more, less = _beyond(live, wanted), _beyond(wanted, live)
    parts = [f"IAM has {'; '.join(more)}"] if more else []
    if less:
        parts.append(f"{'instead of' if more else 'IAM lacks'} {'; '.join(less)}")
    return " ".join(parts)


def _beyond(document: Document, other: Document) -> list[str]:
    """Return, in words, the statements of a document that the other one does not make, each once."""
    said = meaning(other)
    new = {meant: s for s in statements(document) if (meant := _statement(s)) not in said}
    return [_words(new[meant]) for meant in sorted(new, key=str)]


def _statement(statement: Mapping[str, Any]) -> Statement:
    return tuple(sorted((name, _part(name, value)) for name, value in statement.items() if name != "Sid"))


def _part(name: str, value: Any) -> Any:
    match name:
        case "Action" | "NotAction":
            return _values(value, fold=True)
        case "Condition":
            return frozenset(
                (operator, key.lower(), _values(operand))
                for operator, operands in value.items()
                for key, operand in operands.items()
            )
        case "Principal" | "NotPrincipal" if isinstance(value, Mapping):
            return frozenset((kind, _values(who)) for kind, who in value.items())
        case _:
            return _values(value)


def _values(value: Any, *, fold: bool = False) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = {str(v).lower() if fold or isinstance(v, bool) else str(v) for v in values}
    return tuple(sorted(texts))


def _words(statement: Mapping[str, Any]) -> str:
    """Say a statement as it is written: what it does, on what, whom it is about, under which conditions."""
    parts = {name: value for name, value in statement.items() if name != "Sid"}
    effect = parts.pop("Effect", "Allow")
    actions = _list(parts.pop("Action", [])) or "other actions"
    resources = _list(parts.pop("Resource", []))
    whom = _principals(parts.pop("Principal", {}))
    more = ", ".join(f"{name} {json.dumps(value, sort_keys=True)}" for name, value in sorted(parts.items()))
    named = [(" on ", resources), (" to ", whom), (" with ", more)]
    return f"{effect} {actions}" + "".join(word + text for word, text in named if text)


def _principals(value: Any) -> str:
    return ", ".join(_list(who) for who in value.values()) if isinstance(value, Mapping) else str(value)


def _list(value: Any) -> str:
    return ", ".join(sorted(map(str, value))) if isinstance(value, list) else str(value)
