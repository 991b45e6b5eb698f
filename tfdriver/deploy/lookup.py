"""What must be known of a resource type to take over one that exists: its import id, and how AWS says whose it is.

One entry of `KINDS` per type. Import ids are those of the AWS provider's documentation, section "Import" of each
resource. Types without tags (an attachment, a permission, a target) are whose the resource is that they belong to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.aws.calls import AwsError
from tfdriver.spec.model import Account

# `ask(service, use)` returns what `use` returns when given a boto3 client of that service; it raises AwsError.
Ask = Callable[[str, Callable[[Any], Any]], Any]


@dataclass(frozen=True)
class ExistingResource:
    """A resource that exists. import_id: what `terraform import` takes; tags: its own, or those of what it is part of.

    name: what AWS calls it.
    """

    import_id: str
    name: str
    tags: Mapping[str, str]


class UnknownValueError(Exception):
    """A value that identifies the resource is not known before others are created (or imported)."""


class PlannedValues(dict[str, Any]):
    """The planned values of a resource; asking for one that is not known yet raises UnknownValueError."""

    def __missing__(self, key: str) -> Any:
        raise UnknownValueError(key)


Kind = Callable[[Ask, PlannedValues, Account], ExistingResource | None]


def find_resource(
    resource_type: str, planned: Mapping[str, Any], account: Account, ask: Ask
) -> ExistingResource | None:
    """Return the resource that a planned one would clash with, or double; None if AWS knows none.

    planned: its known values, by attribute. Raises UnknownValueError if those do not identify it yet, KeyError if the
    type is not in `KINDS`, AwsError if AWS cannot be asked.
    """
    kind = KINDS[resource_type]
    try:
        return kind(ask, PlannedValues({k: v for k, v in planned.items() if v is not None}), account)
    except AwsError as error:
        if error.missing:
            return None
        raise


def _role(ask: Ask, planned: PlannedValues, _account: Account) -> ExistingResource:
    name = planned["name"]
    role = ask("iam", lambda iam: iam.get_role(RoleName=name))["Role"]
    return ExistingResource(name, name, _pairs(role.get("Tags")))


def _policy(ask: Ask, planned: PlannedValues, account: Account) -> ExistingResource:
    arn = f"arn:{account.partition}:iam::{account.id}:policy{planned.get('path', '/')}{planned['name']}"
    policy = ask("iam", lambda iam: iam.get_policy(PolicyArn=arn))["Policy"]
    return ExistingResource(arn, planned["name"], _pairs(policy.get("Tags")))


def _attachment(ask: Ask, planned: PlannedValues, account: Account) -> ExistingResource | None:
    role, arn = _role(ask, PlannedValues(name=planned["role"]), account), planned["policy_arn"]
    attached = ask(
        "iam", lambda iam: _pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=role.name)
    )
    return (
        ExistingResource(f"{role.name}/{arn}", f"{role.name}/{arn}", role.tags)
        if arn in _each(attached, "PolicyArn")
        else None
    )


def _inline_policy(ask: Ask, planned: PlannedValues, account: Account) -> ExistingResource | None:
    role, name = _role(ask, PlannedValues(name=planned["role"]), account), planned["name"]
    names = ask("iam", lambda iam: _pages(iam, "list_role_policies", "PolicyNames", RoleName=role.name))
    return ExistingResource(f"{role.name}:{name}", f"{role.name}:{name}", role.tags) if name in names else None


def _table(ask: Ask, planned: PlannedValues, _account: Account) -> ExistingResource:
    name = planned["name"]
    arn = ask("dynamodb", lambda dynamodb: dynamodb.describe_table(TableName=name))["Table"]["TableArn"]
    tags = ask("dynamodb", lambda db: _pages(db, "list_tags_of_resource", "Tags", ResourceArn=arn))
    return ExistingResource(name, name, _pairs(tags))


def _function(ask: Ask, planned: PlannedValues, _account: Account) -> ExistingResource:
    name = planned["function_name"]
    function = ask("lambda", lambda client: client.get_function(FunctionName=name))
    return ExistingResource(name, name, function.get("Tags") or {})


def _permission(ask: Ask, planned: PlannedValues, account: Account) -> ExistingResource | None:
    function, sid = _function(ask, planned, account), planned["statement_id"]
    qualifier = {"Qualifier": planned["qualifier"]} if "qualifier" in planned else {}
    answer = ask("lambda", lambda client: client.get_policy(FunctionName=function.name, **qualifier))
    if sid not in _each(json.loads(answer["Policy"])["Statement"], "Sid"):
        return None
    of = ":".join([function.name, *qualifier.values()])
    return ExistingResource(f"{of}/{sid}", f"{of}/{sid}", function.tags)


def _log_group(ask: Ask, planned: PlannedValues, account: Account) -> ExistingResource | None:
    name = planned["name"]
    groups = ask("logs", lambda logs: _pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name))
    if name not in _each(groups, "logGroupName"):
        return None
    arn = f"arn:{account.partition}:logs:{account.region}:{account.id}:log-group:{name}"
    tags = ask("logs", lambda logs: logs.list_tags_for_resource(resourceArn=arn))["tags"]
    return ExistingResource(name, name, tags)


def _rule(ask: Ask, planned: PlannedValues, _account: Account) -> ExistingResource:
    name, bus = planned["name"], planned.get("event_bus_name", "default")
    arn = ask("events", lambda events: events.describe_rule(Name=name, EventBusName=bus))["Arn"]
    tags = ask("events", lambda events: events.list_tags_for_resource(ResourceARN=arn))["Tags"]
    return ExistingResource(name if bus == "default" else f"{bus}/{name}", name, _pairs(tags))


def _target(ask: Ask, planned: PlannedValues, account: Account) -> ExistingResource | None:
    """Find a target by its id, or, where Terraform makes the id up, by what it points to."""
    rule, bus = planned["rule"], planned.get("event_bus_name", "default")
    owner = _rule(ask, PlannedValues(name=rule, event_bus_name=bus), account)
    targets = ask("events", lambda e: e.list_targets_by_rule(Rule=rule, EventBusName=bus))["Targets"]
    key, wanted = ("Id", planned["target_id"]) if "target_id" in planned or not targets else ("Arn", planned["arn"])
    ids = [target["Id"] for target in targets if target[key] == wanted]
    return ExistingResource(f"{owner.import_id}/{ids[0]}", f"{rule}/{ids[0]}", owner.tags) if ids else None


def _queue(ask: Ask, planned: PlannedValues, _account: Account) -> ExistingResource:
    url = ask("sqs", lambda sqs: sqs.get_queue_url(QueueName=planned["name"]))["QueueUrl"]
    return ExistingResource(
        url, planned["name"], ask("sqs", lambda sqs: sqs.list_queue_tags(QueueUrl=url)).get("Tags") or {}
    )


def _topic(ask: Ask, planned: PlannedValues, account: Account) -> ExistingResource:
    arn = f"arn:{account.partition}:sns:{account.region}:{account.id}:{planned['name']}"
    return ExistingResource(
        arn, planned["name"], _pairs(ask("sns", lambda sns: sns.list_tags_for_resource(ResourceArn=arn))["Tags"])
    )


KINDS: Mapping[str, Kind] = {
    "aws_cloudwatch_event_rule": _rule,
    "aws_cloudwatch_event_target": _target,
    "aws_cloudwatch_log_group": _log_group,
    "aws_dynamodb_table": _table,
    "aws_iam_policy": _policy,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _inline_policy,
    "aws_iam_role_policy_attachment": _attachment,
    "aws_lambda_function": _function,
    "aws_lambda_permission": _permission,
    "aws_sns_topic": _topic,
    "aws_sqs_queue": _queue,
}


# Types without tags of their own: they belong to a role, a function or a rule, which has.
UNTAGGED = frozenset(
    {
        "aws_cloudwatch_event_target",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_lambda_permission",
    }
)


def _pages(client: Any, operation: str, key: str, **request: Any) -> list[Any]:
    return [item for page in client.get_paginator(operation).paginate(**request) for item in page[key]]


def _pairs(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def _each(items: Iterable[Mapping[str, Any]], key: str) -> set[Any]:
    return {item.get(key) for item in items}
