"""Builds and reads trust policies. Pure; no I/O.

A `Trust` is the meaning of a trust policy. `document` converts it to a policy; `read_trust` converts a policy of IAM to
a `Trust`. Policies that differ only in order, in string or list, or in account id or root ARN give equal `Trust`s.
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

# The default quota of a role trust policy, without white space (IAM user guide, reference_iam-quotas).
MAX_CHARACTERS = 2048

_ACCOUNT_ROOT = re.compile(r"arn:[\w-]+:iam::\d{12}:root")
_ROLE_ARN = re.compile(r"arn:[\w-]+:iam::\d{12}:role/\S+")
_ROLE_ID = re.compile(r"AROA[A-Z0-9]+")
_EMPTY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Trust:
    """Who may assume a role.

    principals: account root ARNs (broad), or role ARNs and unique ids (`AROA...`, exact). guard: the role ARNs that the
    condition on `aws:PrincipalArn` allows; empty without that condition. until: deadline in UTC, in whole seconds.
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
        """The unique ids among the principals: IAM returns them in place of the ARNs of deleted roles.

        Source: IAM user guide, reference_policies_elements_principal.
        """
        return frozenset(p for p in self.principals if _ROLE_ID.fullmatch(p))

    def expired(self, now: datetime) -> bool:
        """Whether the deadline has passed."""
        return self.until is not None and self.until <= now


def exact(roles: Iterable[Role], external_id: str | None = None) -> Trust:
    """Return a trust in exactly these roles."""
    return Trust(frozenset(role.arn for role in roles), external_id=external_id)


def broad(trusting: Role, roles: Iterable[Role], now: datetime) -> Trust:
    """Return the trust of phase 1: in the accounts of `roles`, which do not exist yet.

    With the guard (the default), only the future ARNs of the roles have access, for `open_for` from `now`. IAM accepts
    ARNs of missing roles in conditions, but not as principals.
    """
    roles = tuple(roles)
    accounts = frozenset(role.account.root_arn for role in roles)
    if not trusting.guard:
        return Trust(accounts, external_id=trusting.external_id)
    guard = frozenset(role.arn for role in roles)
    return Trust(accounts, guard, deadline(now, trusting.open_for), trusting.external_id)


def deadline(now: datetime, open_for: timedelta) -> datetime:
    """Return `now` + `open_for` in UTC and in whole seconds, as in a policy."""
    return (now + open_for).astimezone(UTC).replace(microsecond=0)


def document(trust: Trust) -> dict[str, Any]:
    """Return the trust policy for a trust: JSON values, sorted, one statement."""
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
    """Return the length of a trust policy as IAM counts it, without white space."""
    return len(json.dumps(policy, separators=(",", ":"), ensure_ascii=False))


def read_trust(policy: Document | str) -> Trust | None:
    """Return the `Trust` of a trust policy, or None for a policy that tfdriver never writes.

    Such a policy has, for example, a wildcard, a user or service, another action, a Deny, or another condition.
    """
    try:
        statement = _only_statement(parse_policy(policy))
        if set(statement) - {"Sid"} - {"Effect", "Principal", "Action", "Condition"}:
            return None
        if statement["Effect"] != "Allow" or _strings(statement["Action"]) != {"sts:AssumeRole"}:
            return None
        trusted = _principals(statement["Principal"])
        conditions = _conditions(statement.get("Condition", {}))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    trust = Trust(trusted, **conditions)
    mixed = trust.broad and any(not _ACCOUNT_ROOT.fullmatch(p) for p in trusted)
    return None if mixed or (trust.guard and not trust.broad) else trust


def may_be_broad(policy: Document) -> bool:
    """Return whether a policy that tfdriver never writes trusts a whole account or everybody. Ignores conditions."""
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
        raise ValueError("not a string or a list of strings")
    return frozenset(values)


def _principals(value: Any) -> frozenset[str]:
    if set(value) != {"AWS"}:
        raise ValueError("not an AWS principal")
    found = frozenset(f"arn:aws:iam::{p}:root" if re.fullmatch(r"\d{12}", p) else p for p in _strings(value["AWS"]))
    if not all(_ACCOUNT_ROOT.fullmatch(p) or _ROLE_ARN.fullmatch(p) or _ROLE_ID.fullmatch(p) for p in found):
        raise ValueError("not an account or a role")
    return found


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
