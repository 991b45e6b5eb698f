"""What stands in a policy document, read as IAM writes it: one statement or a list of them, one text or a list. Pure.

Lenient: what is no statement or no text is passed over. `trust.read`, which decides what tfdriver may change, is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from tfdriver.files import read_json

Document = Mapping[str, Any]


def parse_policy(policy: Document | str) -> Document:
    """Return a policy document as a mapping, given as one, as JSON or as URL-encoded JSON (as IAM's API sends it).

    Raises ValueError if it is neither.
    """
    if not isinstance(policy, str):
        return policy
    text = policy if policy.lstrip().startswith("{") else unquote(policy)
    value = read_json(text)
    if not isinstance(value, dict):
        raise ValueError("a policy document is a JSON object")
    return value


def statements(document: Document) -> list[Document]:
    """Return the statements of a policy document."""
    return [statement for statement in _listed(document.get("Statement")) if isinstance(statement, Mapping)]


def strings(value: Any) -> list[str]:
    """Return the texts of a part that holds one or several: actions, resources, principals, values of a condition."""
    return [text for text in _listed(value) if isinstance(text, str)]


def principals(statement: Document) -> list[str]:
    """Return the principals of AWS that a statement lets in or keeps out; `*` may be one."""
    named = statement.get("Principal")
    return strings(named.get("AWS") if isinstance(named, Mapping) else named)


def account_of(arn: str) -> str:
    """Return the account id in an ARN, '' if there is none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def moment(text: str) -> datetime:
    """Return a moment as policies have it: ISO 8601, in UTC unless it says otherwise. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _listed(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else [value]
