"""ARNs of resources before they exist, from the arguments they are made with, with UNKNOWN for what can't be told.

Source of the formats: Service Authorization Reference, "Resource types" of each service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tfdriver.inspect.operator_policy.expressions import UNKNOWN
from tfdriver.inspect.operator_policy.made import Made


def arn_of(made: Made) -> str:
    """Return the ARN of a resource; for one that is part of another (an attachment, a target), the other's."""
    find = ARNS.get(made.type)
    return find(made) if find else UNKNOWN


def role_arn(made: Made, name: str) -> str:
    """Return the ARN of a role that another resource of its module names."""
    for role in made.siblings("aws_iam_role"):
        if _name(role) == name:
            return arn_of(role)
    return _iam(made, f"role/{UNKNOWN}" if name == UNKNOWN else f"role/{name}")


def pattern(text: str) -> str:
    """Return text as IAM policies take it: UNKNOWN as a wildcard, everything else as itself.

    Source: IAM user guide, reference_policies_variables, "Special characters" (`${*}`, `${?}`, `${$}`).
    """
    escaped = "".join(f"${{{char}}}" if char in "*?$" else char for char in text)
    return escaped.replace(UNKNOWN, "*")


def _name(made: Made, argument: str = "name") -> str:
    name, prefix = made.argument(argument), made.argument(f"{argument}_prefix")
    return name or (f"{prefix}{UNKNOWN}" if prefix else UNKNOWN)


def _iam(made: Made, rest: str) -> str:
    return f"arn:{made.account.partition}:iam::{made.account.id}:{rest}"


def _regional(made: Made, service: str, rest: str) -> str:
    account = made.account
    return f"arn:{account.partition}:{service}:{account.region}:{account.id}:{rest}"


def _with_path(kind: str) -> Callable[[Made], str]:
    return lambda made: _iam(made, f"{kind}{made.argument('path') or '/'}{_name(made)}")


def _named(service: str, prefix: str = "", argument: str = "name") -> Callable[[Made], str]:
    return lambda made: _regional(made, service, prefix + _name(made, argument))


def _of_role(made: Made) -> str:
    return role_arn(made, made.argument("role") or UNKNOWN)


def _of_function(made: Made) -> str:
    name = made.argument("function_name") or UNKNOWN
    return name if name.startswith("arn:") else _regional(made, "lambda", f"function:{name}")


def _rule(argument: str) -> Callable[[Made], str]:
    def find(made: Made) -> str:
        bus = made.argument("event_bus_name") or "default"
        return _regional(made, "events", f"rule/{'' if bus == 'default' else bus + '/'}{_name(made, argument)}")

    return find


ARNS: Mapping[str, Callable[[Made], str]] = {
    "aws_cloudwatch_event_rule": _rule("name"),
    "aws_cloudwatch_event_target": _rule("rule"),
    "aws_cloudwatch_log_group": _named("logs", "log-group:"),
    "aws_dynamodb_table": _named("dynamodb", "table/"),
    "aws_iam_policy": _with_path("policy"),
    "aws_iam_role": _with_path("role"),
    "aws_iam_role_policy": _of_role,
    "aws_iam_role_policy_attachment": _of_role,
    "aws_lambda_function": _named("lambda", "function:", "function_name"),
    "aws_lambda_permission": _of_function,
    "aws_sns_topic": _named("sns"),
    "aws_sqs_queue": _named("sqs"),
}
