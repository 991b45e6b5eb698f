"""Builds and reads trust policies. Pure; no I/O.

A `Trust` is the meaning of a trust policy. `document` converts it to a policy; `read_trust` converts a policy of IAM to
a `Trust`. Policies that differ only in order, in string or list, or in account id or root ARN give equal `Trust`s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tfdriver.iam.policy_document import Document, comparable, moment, parse_policy, principals, same_policy, statements
from tfdriver.spec.model import Role

# The default quota of a role trust policy, without white space (IAM user guide, reference_iam-quotas).
MAX_CHARACTERS = 2048

_ACCOUNT_ROOT = re.compile(r"arn:[\w-]+:iam::\d{12}:root")
_ARN = re.compile(r"arn:[\w-]+:iam::\d{12}:(role|user)/\S+")
_UNIQUE_ID = re.compile(r"A(ROA|IDA)[A-Z0-9]+")
_EMPTY: frozenset[str] = frozenset()
_ASSUME = "sts:AssumeRole"
_MORE_ACTIONS = frozenset({"sts:TagSession", "sts:SetSourceIdentity"})


@dataclass(frozen=True)
class Trust:
    """Who may assume a role.

    principals: account root ARNs (broad), or ARNs and unique ids (`AROA...`) of roles and users (exact). guard: the
    role ARNs that the condition on `aws:PrincipalArn` allows; empty without that condition. until: deadline in UTC, in
    whole seconds. conditions: further ones, as operator, key and JSON of the values; actions: besides sts:AssumeRole;
    statements: further ones, as JSON.
    """

    principals: frozenset[str]
    guard: frozenset[str] = _EMPTY
    until: datetime | None = None
    external_id: str | None = None
    conditions: frozenset[tuple[str, str, str]] = frozenset()
    actions: frozenset[str] = _EMPTY
    statements: frozenset[str] = _EMPTY

    @property
    def broad(self) -> bool:
        """Whether a whole account is trusted."""
        return any(_ACCOUNT_ROOT.fullmatch(principal) for principal in self.principals)

    @property
    def dead_ids(self) -> frozenset[str]:
        """The unique ids among the principals: IAM returns them in place of the ARNs of deleted roles and users.

        Source: IAM user guide, reference_policies_elements_principal.
        """
        return frozenset(p for p in self.principals if _UNIQUE_ID.fullmatch(p))

    def expired(self, now: datetime) -> bool:
        """Whether the deadline has passed."""
        return self.until is not None and self.until <= now


def exact(roles: Iterable[Role], external_id: str | None = None) -> Trust:
    """Return a trust in exactly these roles."""
    return Trust(frozenset(role.arn for role in roles), external_id=external_id)


def exact_for(trusting: Role, roles: Iterable[Role]) -> Trust:
    """Return the trust of phase 3: in exactly these roles and in the spec's ARNs, with what the spec adds."""
    found = exact(roles, trusting.external_id)
    return with_additions(replace(found, principals=found.principals | {*trusting.trusted_arns}), trusting)


def with_additions(trust: Trust, trusting: Role) -> Trust:
    """Return a trust with the further conditions, actions and statements of a trusting role."""
    conditions = frozenset(
        (operator, key, _values(value)) for operator, keys in trusting.conditions.items() for key, value in keys.items()
    )
    actions = {"sts:TagSession": trusting.session_tags, "sts:SetSourceIdentity": trusting.source_identity}
    return replace(
        trust,
        conditions=conditions,
        actions=frozenset(action for action, wanted in actions.items() if wanted),
        statements=frozenset(map(canonical, trusting.trust_statements)),
    )


def broad(trusting: Role, roles: Iterable[Role], now: datetime) -> Trust:
    """Return the trust of phase 1: in the accounts of `roles`, which do not exist yet.

    With the guard (the default), only the future ARNs of the roles have access, for `open_for` from `now`. IAM accepts
    ARNs of missing roles in conditions, but not as principals.
    """
    roles = tuple(roles)
    accounts = frozenset(role.account.root_arn for role in roles)
    if not trusting.guard:
        return with_additions(Trust(accounts, external_id=trusting.external_id), trusting)
    guard = frozenset(role.arn for role in roles)
    until = deadline(now, trusting.open_for)
    return with_additions(Trust(accounts, guard, until, trusting.external_id), trusting)


def deadline(now: datetime, open_for: timedelta) -> datetime:
    """Return `now` + `open_for` in UTC and in whole seconds, as in a policy."""
    return (now + open_for).astimezone(UTC).replace(microsecond=0)


def document(trust: Trust) -> dict[str, Any]:
    """Return the trust policy for a trust: JSON values, sorted, its own statement first."""
    condition: dict[str, dict[str, Any]] = {}
    if trust.guard:
        condition["ArnEquals"] = {"aws:PrincipalArn": sorted(trust.guard)}
    if trust.until is not None:
        condition["DateLessThan"] = {"aws:CurrentTime": trust.until.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if trust.external_id is not None:
        condition["StringEquals"] = {"sts:ExternalId": trust.external_id}
    for operator, key, values in sorted(trust.conditions):
        condition.setdefault(operator, {})[key] = json.loads(values)
    actions = [_ASSUME, *sorted(trust.actions)]
    action: Any = actions if trust.actions else _ASSUME
    statement = {"Effect": "Allow", "Principal": {"AWS": sorted(trust.principals)}, "Action": action}
    if condition:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement, *map(json.loads, sorted(trust.statements))]}


def length(policy: Document) -> int:
    """Return the length of a trust policy as IAM counts it, without white space."""
    return len(json.dumps(policy, separators=(",", ":"), ensure_ascii=False))


def read_trust(policy: Document | str) -> Trust | None:
    """Return the `Trust` of a trust policy, or None for a policy that tfdriver never writes.

    Such a policy has, for example, a wildcard as principal, another action, or two statements that allow
    principals of AWS.
    """
    try:
        own, others = _split(parse_policy(policy))
        if set(own) - {"Sid"} - {"Effect", "Principal", "Action", "Condition"}:
            return None
        actions = _strings(own["Action"]) - {_ASSUME}
        if actions == _strings(own["Action"]) or actions - _MORE_ACTIONS:
            return None
        trusted = _principals(own["Principal"])
        conditions = _conditions(own.get("Condition", {}))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    trust = Trust(trusted, **conditions, actions=actions, statements=frozenset(map(canonical, others)))
    mixed = trust.broad and any(not _ACCOUNT_ROOT.fullmatch(p) for p in trusted)
    return None if mixed or (trust.guard and not trust.broad) else trust


def same_trust(one: Document | str, other: Document | str) -> bool:
    """Whether two trust policies have the same meaning. Raises ValueError as `parse_policy`."""
    meaning = read_trust(one)
    return meaning == read_trust(other) if meaning is not None else same_policy(one, other)


def without_statements(policy: Document | str, own: Iterable[Document]) -> tuple[list[Document], list[Document]]:
    """Return the statements of a policy without `own` ones, each taken away once, and the own ones that it lacks.

    Raises ValueError as `parse_policy`.
    """
    rest, missing = statements(parse_policy(policy)), []
    for statement in own:
        same = next((i for i, found in enumerate(rest) if canonical(found) == canonical(statement)), None)
        if same is None:
            missing.append(statement)
        else:
            del rest[same]
    return rest, missing


def may_be_broad(policy: Document) -> bool:
    """Return whether a policy that tfdriver never writes trusts a whole account or everybody. Ignores conditions."""
    return any(
        "NotPrincipal" in s or any("*" in p or p.isdecimal() or p.endswith(":root") for p in principals(s))
        for s in statements(policy)
        if s.get("Effect") == "Allow"
    )


def canonical(statement: Document) -> str:
    """Return a statement as JSON that is the same for statements which differ only in order, or in string or list."""
    return json.dumps(comparable(statement))


def _split(policy: Document) -> tuple[Document, list[Document]]:
    """Return the statement that allows principals of AWS, and the others. Raises ValueError if there is not only one.

    An Allow that names no services or identity providers alone may open the role, whatever it is.
    """
    found = policy["Statement"]
    found = [found] if isinstance(found, Mapping) else found
    own = [s for s in found if s["Effect"] != "Deny" and not _is_of_service(s.get("Principal"))]
    (statement,) = own
    if statement["Effect"] != "Allow":
        raise ValueError("not an Allow statement")
    return statement, [s for s in found if s is not statement]


def _is_of_service(principal: Any) -> bool:
    return isinstance(principal, Mapping) and bool(principal) and not principal.keys() - {"Service", "Federated"}


def _strings(value: Any) -> frozenset[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise ValueError("not a string or a list of strings")
    return frozenset(values)


def _principals(value: Any) -> frozenset[str]:
    if set(value) != {"AWS"}:
        raise ValueError("not an AWS principal")
    found = frozenset(f"arn:aws:iam::{p}:root" if re.fullmatch(r"\d{12}", p) else p for p in _strings(value["AWS"]))
    if not all(_ACCOUNT_ROOT.fullmatch(p) or _ARN.fullmatch(p) or _UNIQUE_ID.fullmatch(p) for p in found):
        raise ValueError("not an account, a role or a user")
    return found


def _conditions(value: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    more: set[tuple[str, str, str]] = set()
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
                    more.add((operator, key, _values(operand)))
    return {**found, "conditions": frozenset(more)}


def _values(value: Any) -> str:
    """Return the value or values of a condition as JSON. IAM returns bools and numbers as text."""
    texts = sorted(str(v).lower() if isinstance(v, bool) else str(v) for v in _as_list(value))
    return json.dumps(texts[0] if len(texts) == 1 else texts)


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, str | bool | int | list):
        raise ValueError("not a value of a condition")
    return value if isinstance(value, list) else [value]
