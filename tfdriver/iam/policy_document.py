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


def named(principal: str) -> str:
    """Return a principal, or any ARN, in words: `role bar in account 222222222222`, `all of account 222222222222`."""
    if principal == "*":
        return "anybody"
    parts = principal.split(":", 5)
    account = parts[4] if len(parts) == 6 else principal
    what = parts[5] if len(parts) == 6 else "root" if principal.isdecimal() else ""
    if what == "root":
        return f"all of account {account}"
    if not what:
        return f"the deleted {'role' if principal.startswith('AROA') else 'principal'} {principal}"
    kind, _, name = what.replace(":", "/", 1).partition("/")  # a Lambda function has a colon
    if kind == "assumed-role":
        return f"session {name} in account {account}"
    return f"{kind} {name.rpartition('/')[2]} in account {account}" if name else f"{what} in account {account}"


def access(trust_policy: Document) -> str:
    """Return in words whom a trust policy gives access, statement by statement: `trusts anybody; denies ...`."""
    return "; ".join(map(_access, statements(trust_policy))) or "trusts nobody"


def _access(statement: Document) -> str:
    verb = "denies" if statement.get("Effect") == "Deny" else "trusts"
    if "NotPrincipal" in statement:
        who = f"everybody except {_named(statement['NotPrincipal'])}"
    else:
        who = _named(statement.get("Principal"))
    actions = ", ".join(strings(statement.get("Action"))) or "other actions"
    what = "" if actions.lower() == "sts:assumerole" else f" for {actions}"
    conditions = statement.get("Condition")
    operators = conditions.values() if isinstance(conditions, Mapping) else ()
    keys = ", ".join(sorted({key for tested in operators if isinstance(tested, Mapping) for key in tested}))
    return f"{verb} {who}{what}" + (f", with conditions on {keys}" if keys else "")


def _named(principal: Any) -> str:
    """Return the principals of a statement in words."""
    kinds = principal if isinstance(principal, Mapping) else {"AWS": principal}
    kind_of = {"Service": "the service", "Federated": "the identity provider"}
    found = [
        named(name) if kind == "AWS" else f"{kind_of.get(kind, kind)} {name}"
        for kind, names in kinds.items()
        for name in strings(names)
    ]
    return " and ".join(found) or "nobody"


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
