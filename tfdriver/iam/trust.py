"""Trust policies: the one place that builds them, and the one that reads them. Pure; no I/O.

A `Trust` says who may assume a role and under which conditions. `document` turns it into a trust policy, `read_trust`
turns a policy that IAM shows back into a `Trust`, or into None where tfdriver would never have written it. Comparing
`Trust`s is comparing policies by meaning: order, string or list, a bare account id for its root make no difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tfdriver.iam.policy_document import Document, moment, parse_policy, principals, statements
from tfdriver.spec.model import Role

# The default quota of a role trust policy, white space not counted (IAM user guide, reference_iam-quotas).
MAX_CHARACTERS = 2048

_ACCOUNT_ROOT = re.compile(r"arn:[\w-]+:iam::\d{12}:root")
_ROLE_ARN = re.compile(r"arn:[\w-]+:iam::\d{12}:role/\S+")
_ROLE_ID = re.compile(r"AROA[A-Z0-9]+")
_EMPTY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Trust:
    """Who may assume a role.

    principals: account root ARNs (broad), or role ARNs and unique ids (`AROA...`, exact). guard: role ARNs of which
    `aws:PrincipalArn` must be one; empty for no such condition. until: UTC deadline (whole seconds) or None.
    """

    principals: frozenset[str]
    guard: frozenset[str] = _EMPTY
    until: datetime | None = None
    external_id: str | None = None

    @property
    def broad(self) -> bool:
        """Whether a whole account is trusted."""
        return any(_ACCOUNT_ROOT.fullmatch(principal) for principal in self.principals)

    @property
    def dead_ids(self) -> frozenset[str]:
        """Unique ids among the principals: IAM shows one in place of an ARN once that role was deleted.

        Source: IAM user guide, reference_policies_elements_principal.
        """
        return frozenset(p for p in self.principals if _ROLE_ID.fullmatch(p))

    def expired(self, now: datetime) -> bool:
        """Whether the deadline has passed."""
        return self.until is not None and self.until <= now


def exact(roles: Iterable[Role], external_id: str | None = None) -> Trust:
    """Trust exactly these roles."""
    return Trust(frozenset(role.arn for role in roles), external_id=external_id)


def broad(trusting: Role, roles: Iterable[Role], now: datetime) -> Trust:
    """Trust the accounts of `roles`, as phase 1 does before the roles exist.

    Guarded (the default), only the ARNs the roles will have get in, and only for `open_for` from `now`: conditions may
    name what does not exist yet, principals may not.
    """
    roles = tuple(roles)
    accounts = frozenset(role.account.root_arn for role in roles)
    if not trusting.guard:
        return Trust(accounts, external_id=trusting.external_id)
    guard = frozenset(role.arn for role in roles)
    return Trust(accounts, guard, deadline(now, trusting.open_for), trusting.external_id)


def deadline(now: datetime, open_for: timedelta) -> datetime:
    """Return `now` + `open_for` in UTC, in the whole seconds that a policy can hold."""
    return (now + open_for).astimezone(UTC).replace(microsecond=0)


def document(trust: Trust) -> dict[str, Any]:
    """Return the trust policy document (JSON values, sorted, one statement) that says `trust`."""
    condition: dict[str, dict[str, Any]] = {}
    if trust.guard:
        condition["ArnEquals"] = {"aws:PrincipalArn": sorted(trust.guard)}
    if trust.until is not None:
        condition["DateLessThan"] = {"aws:CurrentTime": trust.until.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if trust.external_id is not None:
        condition["StringEquals"] = {"sts:ExternalId": trust.external_id}
    statement = {"Effect": "Allow", "Principal": {"AWS": sorted(trust.principals)}, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}


def length(policy: Document) -> int:
    """Return how many characters of the 2,048 a trust policy takes (white space does not count)."""
    return len(json.dumps(policy, separators=(",", ":"), ensure_ascii=False))


def read_trust(policy: Document | str) -> Trust | None:
    """Return the `Trust` that a trust policy says, or None if tfdriver would never write such a policy.

    None stands for everything foreign: a wildcard, a user or service, another action, a Deny, another condition.
    """
    try:
        statement = _only_statement(parse_policy(policy))
        if set(statement) - {"Sid"} - {"Effect", "Principal", "Action", "Condition"}:
            return None
        if statement["Effect"] != "Allow" or _strings(statement["Action"]) != {"sts:AssumeRole"}:
            return None
        named = _principals(statement["Principal"])
        conditions = _conditions(statement.get("Condition", {}))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    trust = Trust(named, **conditions)
    mixed = trust.broad and any(not _ACCOUNT_ROOT.fullmatch(p) for p in named)
    return None if mixed or (trust.guard and not trust.broad) else trust


def may_be_broad(policy: Document) -> bool:
    """Return whether a policy that `read_trust` makes nothing of lets in an account as a whole, or everybody.

    Its conditions are not looked at: they may let in nobody, but nobody should rely on it.
    """
    return any(
        "NotPrincipal" in s or any("*" in p or p.isdecimal() or p.endswith(":root") for p in principals(s))
        for s in statements(policy)
        if s.get("Effect") == "Allow"
    )


def _only_statement(policy: Document) -> Mapping[str, Any]:
    found = policy["Statement"]
    if isinstance(found, Mapping):
        return found
    (statement,) = found
    return dict(statement)


def _strings(value: Any) -> frozenset[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise ValueError("neither a string nor a list of strings")
    return frozenset(values)


def _principals(value: Any) -> frozenset[str]:
    if set(value) != {"AWS"}:
        raise ValueError("a principal that is not of AWS")
    return frozenset(_principal(p) for p in _strings(value["AWS"]))


def _principal(value: str) -> str:
    if re.fullmatch(r"\d{12}", value):
        return f"arn:aws:iam::{value}:root"
    if any(pattern.fullmatch(value) for pattern in (_ACCOUNT_ROOT, _ROLE_ARN, _ROLE_ID)):
        return value
    raise ValueError("neither an account root nor a role")


def _conditions(value: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for operator, keys in value.items():
        for key, operand in keys.items():
            match operator, key.lower():
                case "ArnEquals", "aws:principalarn":
                    found["guard"] = _strings(operand)
                case "DateLessThan", "aws:currenttime":
                    (text,) = _strings(operand)
                    found["until"] = moment(text).astimezone(UTC)
                case "StringEquals", "sts:externalid":
                    (found["external_id"],) = _strings(operand)
                case _:
                    raise ValueError(f"condition {operator} {key}")
    return found
