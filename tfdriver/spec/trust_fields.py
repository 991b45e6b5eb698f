"""Checks the keys that add to a trust policy: `conditions:` and `trust_statements:`. Pure; no I/O.

Source: IAM user guide, reference_policies_elements_condition_operators and reference_policies_elements_principal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.spec.message_text import named, quoted
from tfdriver.spec.names import Reason

_OPERATOR = re.compile(
    r"(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals(IgnoreCase)?|Like)|Numeric(Not)?Equals"
    r"|Numeric(LessThan|GreaterThan)(Equals)?|Date(Not)?Equals|Date(LessThan|GreaterThan)(Equals)?|Bool|BinaryEquals"
    r"|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?|Null"
)
_KEY = re.compile(r"[A-Za-z0-9-]+:[!-~]+")
# What tfdriver writes itself, with the key of the spec that sets it.
_OWN = {
    ("arnequals", "aws:principalarn"): "`trusts:` and `guard:`",
    ("datelessthan", "aws:currenttime"): "`open_for:`",
    ("stringequals", "sts:externalid"): "`external_id:`",
}
_ELEMENTS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Condition"}
Path = tuple[str | int, ...]


def _aws_principals(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    found = principal.get("AWS") if isinstance(principal, Mapping) else None
    return [p for p in (found if isinstance(found, list) else [found]) if isinstance(p, str)]


def condition_problems(conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Path, Reason]]:
    """Yield each mistake in `conditions:`, with its path below the key."""
    for operator, keys in conditions.items():
        if not _OPERATOR.fullmatch(operator):
            hint = "Write it as IAM does, e.g. StringEquals, ArnLike, Bool"
            yield (operator,), Reason(f"{quoted(operator)} is not a condition operator", hint)
        for key in keys:
            if not _KEY.fullmatch(key):
                hint = "Write it as IAM does, e.g. aws:PrincipalOrgID"
                yield (operator, key), Reason(f"{quoted(key)} is not a condition key", hint)
            elif own := _OWN.get((operator.lower(), key.lower())):
                yield (operator, key), Reason(f"tfdriver writes {operator} {key} itself", f"Use {own}")


def statement_problem(statement: Mapping[str, Any], *, existing: bool = False) -> Reason | None:
    """Check a statement of `trust_statements:`: a Deny, or an Allow for a service or an identity provider.

    existing: whether the role is an existing one, whose own statements may allow anybody.
    """
    if unknown := sorted(statement.keys() - _ELEMENTS):
        hint = f"A statement of a trust policy has {', '.join(sorted(_ELEMENTS))}"
        return Reason(f"{named(unknown[0])} is not an element of a trust policy", hint)
    if statement.get("Effect") not in ("Allow", "Deny"):
        return Reason("Effect is not Allow or Deny", "Write `Effect: Allow` or `Effect: Deny`")
    if not {"Principal", "NotPrincipal"} & statement.keys() or not {"Action", "NotAction"} & statement.keys():
        return Reason("it has no principal or no action", "Write `Principal:` and `Action:`")
    if dead := [p for p in _aws_principals(statement) if re.fullmatch(r"A(RO|ID)A[A-Z0-9]{12,}", p)]:
        what = f"{dead[0]} is the id of a deleted principal, which IAM refuses to save"
        return Reason(what, "Ask the role's owner to remove it from the trust policy, then remove it here")
    if statement["Effect"] == "Deny" or existing:
        return None
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping) or not principal or principal.keys() - {"Service", "Federated"}:
        what = "an Allow statement here can name services and identity providers only"
        return Reason(what, "Name the roles that may assume this one under `trusts:`")
    return None
