"""Finds a resource that exists, with its import ID and tags, for each resource type that can conflict with it.

Source: documentation of the AWS provider, "Import" of each resource.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.aws.calls import AwsError
from tfdriver.aws.resource_types import RESOURCE_TYPES
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


def find(resource_type: str, planned: Mapping[str, Any], account: Account, ask: Ask) -> Found | None:
    """Return the existing resource that conflicts with a planned one, or None.

    planned: the known values, by attribute. Returns None for types whose resources cannot conflict: AWS names them, or
    creating them again changes nothing. Raises UnknownValueError if the values do not identify the resource yet,
    KeyError if the type is not in `RESOURCE_TYPES`, and AwsError.
    """
    known = Values({k: v for k, v in planned.items() if v is not None})
    if resource_type not in _FINDERS and resource_type in RESOURCE_TYPES:
        return None
    try:
        return _FINDERS[resource_type](ask, known, account)
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


def _instance_profile(ask: Ask, planned: Values, _account: Account) -> Found:
    name = planned["name"]
    profile = ask("iam", lambda iam: iam.get_instance_profile(InstanceProfileName=name))["InstanceProfile"]
    return Found(name, name, _tags(profile.get("Tags")))


def _identity_provider(ask: Ask, planned: Values, account: Account) -> Found:
    url = planned["url"].removeprefix("https://")
    arn = RESOURCE_TYPES["aws_iam_openid_connect_provider"].arn(account, url=url)
    provider = ask("iam", lambda iam: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn))
    return Found(arn, url, _tags(provider.get("Tags")))


def _alias(ask: Ask, planned: Values, _account: Account) -> Found | None:
    """Find an alias, with the tags of its key."""
    name = planned["name"]
    for alias in ask("kms", lambda kms: _all_items(kms, "list_aliases", "Aliases")):
        if alias["AliasName"] == name and (key := alias.get("TargetKeyId")):
            tags = ask("kms", lambda kms: kms.list_resource_tags(KeyId=key))["Tags"]
            return Found(name, name, {tag["TagKey"]: tag["TagValue"] for tag in tags})
    return None


def _bucket(ask: Ask, planned: Values, account: Account) -> Found | None:
    """Find a bucket of this account. If another account has one with this name, AWS refuses to create it."""
    name, tags = planned["bucket"], []
    try:
        ask("s3", lambda s3: s3.head_bucket(Bucket=name, ExpectedBucketOwner=account.id))
        tags = ask("s3", lambda s3: s3.get_bucket_tagging(Bucket=name))["TagSet"]
    except AwsError as error:
        if error.aws_code == "403":
            return None
        if error.aws_code != "NoSuchTagSet":
            raise
    return Found(name, name, _tags(tags))


def _schedule(ask: Ask, planned: Values, account: Account) -> Found:
    """Find a schedule, with the tags of its group."""
    name, group = planned["name"], planned.get("group_name", "default")
    ask("scheduler", lambda scheduler: scheduler.get_schedule(Name=name, GroupName=group))
    owner = None if group == "default" else _schedule_group(ask, Values(name=group), account)
    return Found(f"{group}/{name}", f"{group}/{name}", owner.tags if owner else {})


def _schedule_group(ask: Ask, planned: Values, _account: Account) -> Found:
    name = planned["name"]
    arn = ask("scheduler", lambda scheduler: scheduler.get_schedule_group(Name=name))["Arn"]
    tags = ask("scheduler", lambda scheduler: scheduler.list_tags_for_resource(ResourceArn=arn))["Tags"]
    return Found(name, name, _tags(tags))


def _secret(ask: Ask, planned: Values, _account: Account) -> Found | None:
    name, wanted = planned["name"], [{"Key": "name", "Values": [planned["name"]]}]
    found = ask("secretsmanager", lambda secrets: _all_items(secrets, "list_secrets", "SecretList", Filters=wanted))
    return next((Found(s["ARN"], name, _tags(s.get("Tags"))) for s in found if s["Name"] == name), None)


def _all_items(client: Any, operation: str, key: str, **request: Any) -> list[Any]:
    return [item for page in client.get_paginator(operation).paginate(**request) for item in page[key]]


def _tags(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def _values_of(items: Iterable[Mapping[str, Any]], key: str) -> set[Any]:
    return {item.get(key) for item in items}


_FINDERS: Mapping[str, Callable[[Ask, Values, Account], Found | None]] = {
    "aws_cloudwatch_event_rule": _rule,
    "aws_cloudwatch_event_target": _target,
    "aws_cloudwatch_log_group": _log_group,
    "aws_dynamodb_table": _table,
    "aws_iam_instance_profile": _instance_profile,
    "aws_iam_openid_connect_provider": _identity_provider,
    "aws_iam_policy": _policy,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _inline_policy,
    "aws_iam_role_policy_attachment": _attachment,
    "aws_kms_alias": _alias,
    "aws_lambda_function": _function,
    "aws_lambda_permission": _permission,
    "aws_s3_bucket": _bucket,
    "aws_scheduler_schedule": _schedule,
    "aws_scheduler_schedule_group": _schedule_group,
    "aws_secretsmanager_secret": _secret,
    "aws_sns_topic": _topic,
    "aws_sqs_queue": _queue,
}
