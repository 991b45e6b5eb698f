"""ARNs of resources before they exist, from the arguments they are made with, with UNKNOWN for what can't be told."""

from __future__ import annotations

from tfdriver.aws.resource_types import RESOURCE_TYPES
from tfdriver.inspect.operator_policy.expressions import UNKNOWN
from tfdriver.inspect.operator_policy.made import Made


def arn_of(made: Made) -> str:
    """Return the ARN of a resource; for one that is part of another (an attachment, a target), the other's."""
    known, role, function = RESOURCE_TYPES.get(made.type), made.argument("role"), made.argument("function_name")
    if known is None:
        return UNKNOWN
    if made.type == "aws_lambda_permission" and function and function.startswith("arn:"):
        return function
    if "{role}" in known.pattern:  # only the role itself says which path it has
        for sibling in made.siblings("aws_iam_role"):
            if _name(sibling, "name") == (role or UNKNOWN):
                return arn_of(sibling)
    bus = made.argument("event_bus_name") or "default"
    return known.arn(
        made.account,
        path=made.argument("path") or "/",
        bus="" if bus == "default" else f"{bus}/",
        **{argument: _name(made, argument) for argument in ("name", "function_name", "rule", "role")},
    )


def pattern(text: str) -> str:
    """Return text as IAM policies take it: UNKNOWN as a wildcard, everything else as itself.

    Source: IAM user guide, reference_policies_variables, "Special characters" (`${*}`, `${?}`, `${$}`).
    """
    escaped = "".join(f"${{{char}}}" if char in "*?$" else char for char in text)
    return escaped.replace(UNKNOWN, "*")


def _name(made: Made, argument: str) -> str:
    return made.argument(argument) or (made.argument(f"{argument}_prefix") or "") + UNKNOWN
