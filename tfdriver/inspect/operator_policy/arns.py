"""Predicts the ARNs of resources from their arguments. UNKNOWN stands for text that is not known yet."""

from __future__ import annotations

from tfdriver.aws.resource_types import RESOURCE_TYPES
from tfdriver.inspect.operator_policy.expressions import UNKNOWN
from tfdriver.inspect.operator_policy.module_resources import Resource


def arn_of(resource: Resource) -> str:
    """Return the ARN of a resource, or of the resource that it is part of (an attachment, a target)."""
    known = RESOURCE_TYPES.get(resource.type)
    role, function = resource.argument("role"), resource.argument("function_name")
    if known is None:
        return UNKNOWN
    if resource.type == "aws_lambda_permission" and function and function.startswith("arn:"):
        return function
    if "{role}" in known.pattern:  # the path is an argument of the role itself
        for sibling in resource.siblings("aws_iam_role"):
            if _name(sibling, "name") == (role or UNKNOWN):
                return arn_of(sibling)
    bus = resource.argument("event_bus_name") or "default"
    return known.arn(
        resource.account,
        path=resource.argument("path") or "/",
        bus="" if bus == "default" else f"{bus}/",
        **{argument: _name(resource, argument) for argument in ("name", "function_name", "rule", "role")},
    )


def pattern(text: str) -> str:
    """Return text escaped for an IAM policy, with UNKNOWN as a wildcard.

    Source: IAM user guide, reference_policies_variables, "Special characters" (`${*}`, `${?}`, `${$}`).
    """
    escaped = "".join(f"${{{char}}}" if char in "*?$" else char for char in text)
    return escaped.replace(UNKNOWN, "*")


def _name(resource: Resource, argument: str) -> str:
    return resource.argument(argument) or (resource.argument(f"{argument}_prefix") or "") + UNKNOWN
