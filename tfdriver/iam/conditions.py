"""Evaluates the conditions of a policy statement against the context of a request. Pure; no I/O.

The result is True, False, or None if it is unknown: the operator is not supported, the value has a policy variable such
as `${aws:username}`, or the request context lacks the value. `evaluator` fails closed on an unknown result.

Source: IAM user guide, reference_policies_elements_condition_operators and reference_policies_multi-value-conditions.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from tfdriver.iam.policy_document import moment

# Condition key in lower case -> its value or values.
Facts = Mapping[str, str | tuple[str, ...]]
Compare = Callable[[str, str], bool]


class UnsupportedError(Exception):
    """The result of a condition is unknown."""


@dataclass(frozen=True)
class RequestContext:
    """The context of a request.

    facts: by lower-case key; a missing key is not part of the request. unknown: lower-case patterns (`*`) of the keys
    whose values only AWS has. assumed: lower-case keys that have the value which a condition asks for.
    """

    facts: Facts = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def values(self, key: str) -> tuple[str, ...] | None:
        """Return the values of a condition key, or None if the request has none. Raises UnsupportedError if unknown."""
        key = key.lower()
        if key in self.facts:
            value = self.facts[key]
            return (value,) if isinstance(value, str) else value
        if any(like(pattern, key) for pattern in self.unknown):
            raise UnsupportedError
        return None


def conditions_match(condition: Any, context: RequestContext) -> bool | None:
    """Return whether all conditions of a statement hold, or None if that is unknown.

    condition: the statement's `Condition`, or None.
    """
    if not condition:
        return True
    try:
        results = [
            _holds(name, key, operand, context)
            for name, operands in condition.items()
            for key, operand in operands.items()
        ]
    except AttributeError:  # not a mapping of mappings
        return None
    if False in results:
        return False
    return None if None in results else True


def unknown_conditions(condition: Any, context: RequestContext) -> list[str]:
    """Return the conditions of a statement whose result is unknown, as `operator key`."""
    if not isinstance(condition, Mapping) or not all(isinstance(tested, Mapping) for tested in condition.values()):
        return ["Condition"] if condition else []
    return [
        f"{name} {key}"
        for name, operands in condition.items()
        for key, operand in operands.items()
        if _holds(name, key, operand, context) is None
    ]


def like(pattern: str, value: str) -> bool:
    """Return whether a value matches a pattern with IAM's wildcards, `*` and `?`."""
    return _regex(pattern).fullmatch(value) is not None


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in pattern), re.DOTALL)


def _holds(name: str, key: str, operand: Any, context: RequestContext) -> bool | None:
    try:
        wanted = _strings(operand)
        return _evaluate(name, wanted, wanted[:1] if key.lower() in context.assumed else context.values(key))
    except (UnsupportedError, ValueError, OverflowError):
        return None


def _strings(operand: Any) -> tuple[str, ...]:
    values = operand if isinstance(operand, list | tuple) else [operand]
    strings = tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
    if any("${" in string for string in strings):
        raise UnsupportedError
    return strings


def _evaluate(name: str, wanted: Sequence[str], values: tuple[str, ...] | None) -> bool:
    qualifier, _, base = name.rpartition(":")
    if base == "Null":
        return any((want.lower() == "true") == (values is None) for want in wanted)
    if_exists = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    if base not in _OPERATORS or qualifier not in ("", "ForAnyValue", "ForAllValues"):
        raise UnsupportedError
    compare, negated = _OPERATORS[base]

    if values is None:
        return if_exists or qualifier == "ForAllValues" or (negated and not qualifier)
    matches = (any(compare(want, value) for want in wanted) != negated for value in values)
    if not qualifier and len(values) != 1:
        raise UnsupportedError
    return any(matches) if qualifier == "ForAnyValue" else all(matches)


def _arn_like(pattern: str, arn: str) -> bool:
    """Compare ARNs part by part: in the first five parts, a wildcard does not match a colon."""
    wanted, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(parts) == 6 and all(map(like, wanted, parts))


def _caseless(compare: Compare) -> Compare:
    return lambda want, value: compare(want.casefold(), value.casefold())


def _dates(compare: Callable[[datetime, datetime], bool]) -> Compare:
    return lambda want, value: compare(_date(value), _date(want))


def _numbers(compare: Callable[[float, float], bool]) -> Compare:
    return lambda want, value: compare(float(value), float(want))


def _date(text: str) -> datetime:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    return moment(text)


def _in_network(want: str, value: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(want, strict=False)


# Name -> the comparison of a value of the policy with a value of the request, and whether the operator is negated.
_OPERATORS: Mapping[str, tuple[Compare, bool]] = {
    "StringEquals": (operator.eq, False),
    "StringNotEquals": (operator.eq, True),
    "StringEqualsIgnoreCase": (_caseless(operator.eq), False),
    "StringNotEqualsIgnoreCase": (_caseless(operator.eq), True),
    "StringLike": (like, False),
    "StringNotLike": (like, True),
    "ArnEquals": (_arn_like, False),
    "ArnLike": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
    "Bool": (_caseless(operator.eq), False),
    "DateEquals": (_dates(operator.eq), False),
    "DateNotEquals": (_dates(operator.eq), True),
    "DateLessThan": (_dates(operator.lt), False),
    "DateLessThanEquals": (_dates(operator.le), False),
    "DateGreaterThan": (_dates(operator.gt), False),
    "DateGreaterThanEquals": (_dates(operator.ge), False),
    "NumericEquals": (_numbers(operator.eq), False),
    "NumericNotEquals": (_numbers(operator.eq), True),
    "NumericLessThan": (_numbers(operator.lt), False),
    "NumericLessThanEquals": (_numbers(operator.le), False),
    "NumericGreaterThan": (_numbers(operator.gt), False),
    "NumericGreaterThanEquals": (_numbers(operator.ge), False),
    "IpAddress": (_in_network, False),
    "NotIpAddress": (_in_network, True),
}
