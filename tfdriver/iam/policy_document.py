"""Reads policy documents in IAM's format: one statement or a list, one string or a list. Pure.

Ignores anything else. `trust.read_trust`, which decides what tfdriver may replace, is strict.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from tfdriver.files import read_json

Document = Mapping[str, Any]

# Quotas of permissions policies, without white space. Source: IAM user guide, reference_iam-quotas.
MAX_MANAGED = 6144
MAX_INLINE = 10_240  # all inline policies of a role together


def parse_policy(policy: Document | str) -> Document:
    """Return a policy document as a mapping. policy: a mapping, JSON, or URL-encoded JSON as in IAM's API.

    Raises ValueError if it is none of these.
    """
    if not isinstance(policy, str):
        return policy
    text = policy if policy.lstrip().startswith("{") else unquote(policy)
    value = read_json(text)
    if not isinstance(value, dict):
        raise ValueError("a policy document must be a JSON object")
    return value


def same_policy(one: Document | str, other: Document | str) -> bool:
    """Whether two policies differ at most in order, and in one string or a list of one. Raises as `parse_policy`."""
    return bool(comparable(parse_policy(one)) == comparable(parse_policy(other)))


def comparable(value: Any) -> Any:
    """Return a value that is equal for policies which differ only in order, or in one string or a list of one."""
    match value:
        case Mapping():
            return {key: comparable(value[key]) for key in sorted(value)}
        case list() | tuple():
            parts = sorted(map(comparable, value), key=str)
            return parts[0] if len(parts) == 1 else parts
    return value


def policy_length(policy: str) -> int:
    """Return how many characters of a policy IAM counts. policy: JSON."""
    return len("".join(policy.split()))


def statements(document: Document) -> list[Document]:
    """Return the statements of a policy document."""
    return [statement for statement in _listed(document.get("Statement")) if isinstance(statement, Mapping)]


def strings(value: Any) -> list[str]:
    """Return the strings of an element that has one or several: actions, resources, principals, condition values."""
    return [string for string in _listed(value) if isinstance(string, str)]


def principals(statement: Document) -> list[str]:
    """Return the AWS principals of a statement, which may include `*`."""
    named = statement.get("Principal")
    return strings(named.get("AWS") if isinstance(named, Mapping) else named)


def named(principal: str) -> str:
    """Return a text for a principal or an ARN: `role bar in account 222222222222`, `all of account 222222222222`."""
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
    """Return a text for the statements of a trust policy: `trusts anybody; denies ...`."""
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
    """Return a text for the principals of a statement."""
    kinds = principal if isinstance(principal, Mapping) else {"AWS": principal}
    kind_of = {"Service": "the service", "Federated": "the identity provider"}
    found = [
        named(name) if kind == "AWS" else f"{kind_of.get(kind, kind)} {name}"
        for kind, names in kinds.items()
        for name in strings(names)
    ]
    return " and ".join(found) or "nobody"


def account_of(arn: str) -> str:
    """Return the account id of an ARN, or ''."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def moment(text: str) -> datetime:
    """Return the time of an ISO 8601 string, in UTC if it has no time zone. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _listed(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else [value]
