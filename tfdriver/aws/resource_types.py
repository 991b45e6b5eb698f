"""The resource types that tfdriver supports: the IAM actions that Terraform needs, the ARN, and how to find a resource.

The actions were recorded in the sandbox's call log while AWS provider 5.100 created, updated, tagged and deleted each
resource; comments mark the actions that only AWS requires. Updating a role's permissions boundary is not included: an
operator with that permission could remove the boundary.
Sources: Service Authorization Reference, "Resource types" of each service (ARNs); documentation of the AWS provider,
"Import" of each resource (import IDs).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfdriver.aws.calls import AwsError
from tfdriver.spec.model import Account

# `ask(service, use)` returns the result of `use`, called with a boto3 client of the service. Raises AwsError.
Ask = Callable[[str, Callable[[Any], Any]], Any]


@dataclass(frozen=True)
class Found:
    """A resource that exists. import_id: for `terraform import`; tags: its own, or its parent's."""

    import_id: str
    name: str
    tags: Mapping[str, str]


class UnknownValueError(Exception):
    """A value that identifies the resource is not known until other resources are created or imported."""


class Values(dict[str, Any]):
    """The planned values of a resource. Raises UnknownValueError for a value that is not known yet."""

    def __missing__(self, key: str) -> Any:
        raise UnknownValueError(key)


@dataclass(frozen=True)
class ResourceType:
    """A resource type. Lists of actions omit the prefix of the service."""

    statement: str  # the `Sid` of the policy statement with its actions
    service: str
    pattern: str  # of its ARN, or of its parent's, with arguments, `path` and `bus` in braces
    find: Callable[[Ask, Values, Account], Found | None]  # see `find` below
    read: str  # actions that are always needed
    write: str = ""  # actions that create and update
    delete: str = ""
    more: Mapping[str, str] = field(default_factory=dict)  # further write actions, by the argument that requires them
    tagged: bool = True  # whether it has tags of its own
    role_argument: str = ""  # the argument with the ARN of a role that `service` assumes

    def actions(self, *lists: str) -> set[str]:
        """Return the actions in these lists with the prefix of the service."""
        return {f"{self.service}:{action}" for actions in lists for action in actions.split()}

    def arn(self, account: Account, **names: str) -> str:
        """Return the ARN of a resource in an account. names: the values for the pattern."""
        return self.pattern.format(partition=account.partition, region=account.region, account=account.id, **names)


def find(resource_type: str, planned: Mapping[str, Any], account: Account, ask: Ask) -> Found | None:
    """Return the existing resource that conflicts with a planned one, or None.

    planned: the known values, by attribute. Raises UnknownValueError if they do not identify the resource yet, KeyError
    if the type is not in `RESOURCE_TYPES`, and AwsError.
    """
    known = Values({k: v for k, v in planned.items() if v is not None})
    try:
        return RESOURCE_TYPES[resource_type].find(ask, known, account)
    except AwsError as error:
        if error.missing:
            return None
        raise


def _role(ask: Ask, planned: Values, _account: Account) -> Found:
    name = planned["name"]
    role = ask("iam", lambda iam: iam.get_role(RoleName=name))["Role"]
    return Found(name, name, _tags(role.get("Tags")))


def _policy(ask: Ask, planned: Values, account: Account) -> Found:
    name = planned["name"]
    arn = RESOURCE_TYPES["aws_iam_policy"].arn(account, name=name, path=planned.get("path", "/"))
    policy = ask("iam", lambda iam: iam.get_policy(PolicyArn=arn))["Policy"]
    return Found(arn, name, _tags(policy.get("Tags")))


def _attachment(ask: Ask, planned: Values, account: Account) -> Found | None:
    role, arn = _role(ask, Values(name=planned["role"]), account), planned["policy_arn"]
    attached = ask(
        "iam", lambda iam: _all_items(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=role.name)
    )
    name = f"{role.name}/{arn}"
    return Found(name, name, role.tags) if arn in _values_of(attached, "PolicyArn") else None


def _inline_policy(ask: Ask, planned: Values, account: Account) -> Found | None:
    role, name = _role(ask, Values(name=planned["role"]), account), planned["name"]
    names = ask("iam", lambda iam: _all_items(iam, "list_role_policies", "PolicyNames", RoleName=role.name))
    full_name = f"{role.name}:{name}"
    return Found(full_name, full_name, role.tags) if name in names else None


def _table(ask: Ask, planned: Values, _account: Account) -> Found:
    name = planned["name"]
    arn = ask("dynamodb", lambda dynamodb: dynamodb.describe_table(TableName=name))["Table"]["TableArn"]
    tags = ask("dynamodb", lambda db: _all_items(db, "list_tags_of_resource", "Tags", ResourceArn=arn))
    return Found(name, name, _tags(tags))


def _function(ask: Ask, planned: Values, _account: Account) -> Found:
    name = planned["function_name"]
    function = ask("lambda", lambda client: client.get_function(FunctionName=name))
    return Found(name, name, function.get("Tags") or {})


def _permission(ask: Ask, planned: Values, account: Account) -> Found | None:
    function, sid = _function(ask, planned, account), planned["statement_id"]
    qualifier = {"Qualifier": planned["qualifier"]} if "qualifier" in planned else {}
    answer = ask("lambda", lambda client: client.get_policy(FunctionName=function.name, **qualifier))
    if sid not in _values_of(json.loads(answer["Policy"])["Statement"], "Sid"):
        return None
    name = f"{':'.join([function.name, *qualifier.values()])}/{sid}"
    return Found(name, name, function.tags)


def _log_group(ask: Ask, planned: Values, account: Account) -> Found | None:
    name = planned["name"]
    groups = ask("logs", lambda logs: _all_items(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name))
    if name not in _values_of(groups, "logGroupName"):
        return None
    arn = RESOURCE_TYPES["aws_cloudwatch_log_group"].arn(account, name=name)
    tags = ask("logs", lambda logs: logs.list_tags_for_resource(resourceArn=arn))["tags"]
    return Found(name, name, tags)


def _rule(ask: Ask, planned: Values, _account: Account) -> Found:
    name, bus = planned["name"], planned.get("event_bus_name", "default")
    arn = ask("events", lambda events: events.describe_rule(Name=name, EventBusName=bus))["Arn"]
    tags = ask("events", lambda events: events.list_tags_for_resource(ResourceARN=arn))["Tags"]
    return Found(name if bus == "default" else f"{bus}/{name}", name, _tags(tags))


def _target(ask: Ask, planned: Values, account: Account) -> Found | None:
    """Find a target by its ID, or by its ARN if Terraform generates the ID."""
    rule, bus = planned["rule"], planned.get("event_bus_name", "default")
    owner = _rule(ask, Values(name=rule, event_bus_name=bus), account)
    targets = ask("events", lambda e: e.list_targets_by_rule(Rule=rule, EventBusName=bus))["Targets"]
    key, wanted = ("Id", planned["target_id"]) if "target_id" in planned or not targets else ("Arn", planned["arn"])
    ids = [target["Id"] for target in targets if target[key] == wanted]
    return Found(f"{owner.import_id}/{ids[0]}", f"{rule}/{ids[0]}", owner.tags) if ids else None


def _queue(ask: Ask, planned: Values, _account: Account) -> Found:
    url = ask("sqs", lambda sqs: sqs.get_queue_url(QueueName=planned["name"]))["QueueUrl"]
    return Found(url, planned["name"], ask("sqs", lambda sqs: sqs.list_queue_tags(QueueUrl=url)).get("Tags") or {})


def _topic(ask: Ask, planned: Values, account: Account) -> Found:
    name = planned["name"]
    arn = RESOURCE_TYPES["aws_sns_topic"].arn(account, name=name)
    tags = ask("sns", lambda sns: sns.list_tags_for_resource(ResourceArn=arn))["Tags"]
    return Found(arn, name, _tags(tags))


def _all_items(client: Any, operation: str, key: str, **request: Any) -> list[Any]:
    return [item for page in client.get_paginator(operation).paginate(**request) for item in page[key]]


def _tags(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def _values_of(items: Iterable[Mapping[str, Any]], key: str) -> set[Any]:
    return {item.get(key) for item in items}


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "aws_cloudwatch_event_rule": ResourceType(
        statement="Rules",
        service="events",
        pattern="arn:{partition}:events:{region}:{account}:rule/{bus}{name}",
        find=_rule,
        read="DescribeRule ListTagsForResource",
        write="PutRule TagResource UntagResource",
        delete="DeleteRule",
    ),
    "aws_cloudwatch_event_target": ResourceType(
        statement="Rules",
        service="events",
        pattern="arn:{partition}:events:{region}:{account}:rule/{bus}{rule}",
        find=_target,
        read="DescribeRule ListTargetsByRule",
        write="PutTargets",
        delete="RemoveTargets",
        tagged=False,
        role_argument="role_arn",
    ),
    "aws_cloudwatch_log_group": ResourceType(
        statement="LogGroups",
        service="logs",
        pattern="arn:{partition}:logs:{region}:{account}:log-group:{name}",
        find=_log_group,
        read="ListTagsForResource",
        write="CreateLogGroup PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource",
        delete="DeleteLogGroup",
    ),
    "aws_dynamodb_table": ResourceType(
        statement="Tables",
        service="dynamodb",
        pattern="arn:{partition}:dynamodb:{region}:{account}:table/{name}",
        find=_table,
        read="DescribeTable DescribeContinuousBackups DescribeTimeToLive ListTagsOfResource",
        write="CreateTable UpdateTable TagResource UntagResource",
        delete="DeleteTable",
        more={"ttl": "UpdateTimeToLive", "point_in_time_recovery": "UpdateContinuousBackups"},
    ),
    "aws_iam_policy": ResourceType(
        statement="Policies",
        service="iam",
        pattern="arn:{partition}:iam::{account}:policy{path}{name}",
        find=_policy,
        read="GetPolicy GetPolicyVersion",
        # IAM keeps five versions: the provider deletes the oldest.
        write="CreatePolicy CreatePolicyVersion ListPolicyVersions DeletePolicyVersion TagPolicy UntagPolicy",
        delete="DeletePolicy ListPolicyVersions DeletePolicyVersion",
    ),
    "aws_iam_role": ResourceType(
        statement="Roles",
        service="iam",
        pattern="arn:{partition}:iam::{account}:role{path}{name}",
        find=_role,
        # The provider also reads inline policies that were added by hand.
        read="GetRole ListRolePolicies ListAttachedRolePolicies GetRolePolicy",
        write="CreateRole UpdateAssumeRolePolicy UpdateRoleDescription TagRole UntagRole",
        delete="DeleteRole ListInstanceProfilesForRole",
        more={
            "max_session_duration": "UpdateRole",
            "inline_policy": "PutRolePolicy DeleteRolePolicy",
            "managed_policy_arns": "AttachRolePolicy DetachRolePolicy",
        },
    ),
    "aws_iam_role_policy": ResourceType(
        statement="Roles",
        service="iam",
        pattern="arn:{partition}:iam::{account}:role/{role}",
        find=_inline_policy,
        read="GetRole GetRolePolicy ListRolePolicies",
        write="PutRolePolicy",
        delete="DeleteRolePolicy",
        tagged=False,
    ),
    # Attach and detach have separate statements, with a condition on the policy.
    "aws_iam_role_policy_attachment": ResourceType(
        statement="Roles",
        service="iam",
        pattern="arn:{partition}:iam::{account}:role/{role}",
        find=_attachment,
        read="GetRole ListAttachedRolePolicies",
        tagged=False,
    ),
    "aws_lambda_function": ResourceType(
        statement="Functions",
        service="lambda",
        pattern="arn:{partition}:lambda:{region}:{account}:function:{function_name}",
        find=_function,
        # Only AWS: GetFunction returns the tags only with permission for ListTags (Lambda API, GetFunction, "Tags").
        read="GetFunction GetFunctionCodeSigningConfig ListVersionsByFunction ListTags",
        write="CreateFunction UpdateFunctionCode UpdateFunctionConfiguration TagResource UntagResource",
        delete="DeleteFunction",
        role_argument="role",
    ),
    "aws_lambda_permission": ResourceType(
        statement="Functions",
        service="lambda",
        pattern="arn:{partition}:lambda:{region}:{account}:function:{function_name}",
        find=_permission,
        read="GetFunction GetPolicy",
        write="AddPermission",
        delete="RemovePermission",
        tagged=False,
    ),
    "aws_sns_topic": ResourceType(
        statement="Topics",
        service="sns",
        pattern="arn:{partition}:sns:{region}:{account}:{name}",
        find=_topic,
        read="GetTopicAttributes ListTagsForResource",
        write="CreateTopic SetTopicAttributes TagResource UntagResource",
        delete="DeleteTopic",
    ),
    "aws_sqs_queue": ResourceType(
        statement="Queues",
        service="sqs",
        pattern="arn:{partition}:sqs:{region}:{account}:{name}",
        find=_queue,
        read="GetQueueAttributes GetQueueUrl ListQueueTags",
        write="CreateQueue SetQueueAttributes TagQueue UntagQueue",
        delete="DeleteQueue",
    ),
}
