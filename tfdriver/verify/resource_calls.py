"""The calls on a resource that `verify` can make: they change nothing, and nothing of what they return is read.

The data of this module is the table in modules/README.md. Pure, but for `make_call`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.spec.model import Account
from tfdriver.verify import outcome
from tfdriver.verify.outcome import CallOutcome, OutcomeKind


@dataclass(frozen=True)
class ResourceCall:
    """A call to make. action: an IAM action; arn: the resource; allowed: whether it must be allowed.

    hash_key: the name of a table's key attribute, for calls on its items; region: used if the ARN has no region; name:
    for programs.
    """

    action: str
    arn: str
    allowed: bool
    region: str
    name: str
    hash_key: str = ""

    @property
    def resource(self) -> str:
        """The resource, for people: `bucket/key`, the name of a table or a queue."""
        return self.arn.split(":", 5)[5].removeprefix("table/")


Arguments = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True)
class _Operation:
    """How to make a call. method: of the boto3 client; pattern: of the ARN's last part, its groups are arguments.

    arn: the argument that is the whole ARN; more: further arguments; item: arguments by the name of the key attribute;
    authorized: the error that AWS returns only for an authorized call: its code and a part of its message.
    """

    method: str
    pattern: str
    arn: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    item: Arguments | None = None
    authorized: tuple[str, str] | None = None


def _write(argument: str) -> Arguments:
    """Return the arguments for a write under a condition that cannot be true."""
    return lambda key: {argument: _new_key(key), "ConditionExpression": "attribute_exists(#k)", **_named(key)}


def _query(key: str) -> Mapping[str, Any]:
    values = {":key": _new_key(key)[key]}
    return {"KeyConditionExpression": "#k = :key", "ExpressionAttributeValues": values, **_named(key)}


def _named(key: str) -> Mapping[str, Any]:
    return {"ExpressionAttributeNames": {"#k": key}}


def _new_key(key: str) -> dict[str, dict[str, str]]:
    return {key: {"S": _nowhere()}}


def _nowhere() -> str:
    """Return the name of something that does not exist."""
    return f"tfdriver-verify-{uuid.uuid4()}"


_BUCKET_ARN = r"(?P<Bucket>[^/]+)"
_QUEUE_ARN = r"(?P<QueueUrl>[^/:]+)"
_SECRET_ARN = r"secret:.+-\w{6}"  # noqa: S105  # not a secret
_KEY_ARN = r"key/[\w-]+"
_TABLE_ARN = r"table/[^/]+"
_DRY_RUN = ("DryRunOperationException", "")

_OPERATIONS: Mapping[str, _Operation] = {
    "s3:GetObject": _Operation("get_object", _BUCKET_ARN + r"/(?P<Key>.+)"),
    "s3:ListBucket": _Operation("list_objects_v2", _BUCKET_ARN + r"(?:/(?P<Prefix>.+))?", more={"MaxKeys": 1}),
    "s3:GetBucketLocation": _Operation("get_bucket_location", _BUCKET_ARN),
    "sqs:GetQueueAttributes": _Operation("get_queue_attributes", _QUEUE_ARN, more={"AttributeNames": ["QueueArn"]}),
    "sqs:ListQueueTags": _Operation("list_queue_tags", _QUEUE_ARN),
    "sns:GetTopicAttributes": _Operation("get_topic_attributes", r"[^:]+", "TopicArn"),
    "secretsmanager:DescribeSecret": _Operation("describe_secret", _SECRET_ARN, "SecretId"),
    "secretsmanager:GetSecretValue": _Operation(
        "get_secret_value",
        _SECRET_ARN,
        "SecretId",
        more={"VersionId": "00000000-0000-4000-8000-000000000000"},
        authorized=("ResourceNotFoundException", "find the specified secret value for"),
    ),
    "kms:DescribeKey": _Operation("describe_key", _KEY_ARN, "KeyId"),
    "kms:Encrypt": _Operation(
        "encrypt", _KEY_ARN, "KeyId", more={"Plaintext": b"tfdriver-verify", "DryRun": True}, authorized=_DRY_RUN
    ),
    "kms:GenerateDataKey": _Operation(
        "generate_data_key", _KEY_ARN, "KeyId", more={"KeySpec": "AES_256", "DryRun": True}, authorized=_DRY_RUN
    ),
    "ecr:DescribeRepositories": _Operation("describe_repositories", r"repository/(?P<repositoryNames>.+)"),
    "ecr:BatchGetImage": _Operation(
        "batch_get_image",
        r"repository/(?P<repositoryName>.+)",
        more={"imageIds": [{"imageTag": "tfdriver-verify-none"}]},
    ),
    "dynamodb:DescribeTable": _Operation("describe_table", _TABLE_ARN, "TableName"),
    "dynamodb:Scan": _Operation("scan", _TABLE_ARN, "TableName", more={"Limit": 1, "Select": "COUNT"}),
    "dynamodb:GetItem": _Operation("get_item", _TABLE_ARN, "TableName", item=lambda key: {"Key": _new_key(key)}),
    "dynamodb:Query": _Operation("query", _TABLE_ARN, "TableName", item=_query),
    "dynamodb:PutItem": _Operation("put_item", _TABLE_ARN, "TableName", item=_write("Item")),
    "dynamodb:UpdateItem": _Operation("update_item", _TABLE_ARN, "TableName", item=_write("Key")),
    "dynamodb:DeleteItem": _Operation("delete_item", _TABLE_ARN, "TableName", item=_write("Key")),
}
# Services write the action in their own case. Source: IAM user guide, troubleshoot_access-denied.
_NAMED_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")


def can_make(call: ResourceCall) -> bool:
    """Whether this module knows how to make a call."""
    return call.action in _OPERATIONS


def problem(action: str, arn: str, hash_key: str) -> str:
    """Return why a call cannot be made, as a sentence without a full stop; '' if it can be made."""
    operation = _OPERATIONS.get(action)
    if operation is None:
        return f"{action} is not one of the actions that can be probed: {', '.join(_OPERATIONS)}"
    parts, service = arn.split(":", 5), action.partition(":")[0]
    place = ("", "") if service == "s3" else (r"[\w-]+", r"\d{12}")
    patterns = ("arn", r"aws[\w-]*", service, *place, operation.pattern)
    if len(parts) != len(patterns) or not all(map(re.fullmatch, patterns, parts)) or re.search(r"[*?]", arn):
        return f"{arn} is not the ARN of one resource of {action}"
    return f"{action} needs hash_key" if operation.item and not hash_key else ""


def iam_resource(call: ResourceCall) -> tuple[str, dict[str, str]]:
    """Return the ARN that policies name as the resource of a call, and the condition keys of the call."""
    if call.action != "s3:ListBucket":
        return call.arn, {}
    bucket, _, prefix = call.arn.partition("/")
    return bucket, {"s3:prefix": prefix, "s3:max-keys": "1"}


def make_call(aws: Calls, account: Account, call: ResourceCall) -> str:
    """Make a call without a `problem`. Return AWS's request id. account: where its profile is. Raises AwsError."""
    operation = _OPERATIONS[call.action]
    _, _, service, region, owner, last = call.arn.split(":", 5)
    found = re.fullmatch(operation.pattern, last)
    named = {name: value for name, value in (found.groupdict() if found else {}).items() if value is not None}
    arguments: dict[str, Any] = {name: [value] if name.endswith("Names") else value for name, value in named.items()}
    arguments |= {operation.arn: call.arn} if operation.arn else {}
    arguments |= {"registryId": owner} if service == "ecr" else {}
    arguments |= operation.item(call.hash_key) if operation.item else {}

    def ask(client: Any) -> str:
        if service == "sqs":
            arguments["QueueUrl"] = f"{client.meta.endpoint_url}/{owner}/{last}"
        answer = getattr(client, operation.method)(**arguments, **operation.more)
        if "Body" in answer:
            answer["Body"].close()  # unread
        return outcome.request_id(answer)

    return aws.call(replace(account, region=region or call.region), service, ask)


def failed_call(call: ResourceCall, error: AwsError, *, exists: bool) -> CallOutcome:
    """Return the outcome of a call that failed. exists: whether an allowed call proves that the resource exists."""
    operation, answer = _OPERATIONS[call.action], error.answer
    found = outcome.from_answer(answer, error.what)
    if operation.authorized and answer.code == operation.authorized[0] and operation.authorized[1] in answer.message:
        return replace(found, kind=OutcomeKind.ALLOWED)
    named = _NAMED_ACTION.search(answer.message)
    refused = named[1].lower() if named else ""
    denied = found.kind is OutcomeKind.DENIED
    if call.action == "s3:GetObject" and (answer.code == "NoSuchKey" or (denied and refused == "s3:listbucket")):
        # Without s3:ListBucket, S3 refuses that action for a missing key. Source: S3 API reference, GetObject.
        reason = f"{call.resource} does not exist, so the answer proves nothing about {call.action}"
        return replace(found, kind=OutcomeKind.UNTRIED, message=f"{reason}: {found.message}")
    if denied and not call.allowed and not exists:
        if refused and refused != call.action.lower():
            reason = f"AWS refused {refused}, which proves nothing about {call.action}"
            return replace(found, kind=OutcomeKind.BROKEN, message=f"{reason}: {found.message}")
        if call.action == "s3:GetObject" and not refused:
            reason = f"S3 does not name the action that it refused, and {call.resource} may not exist"
            return replace(found, kind=OutcomeKind.UNTRIED, message=f"{reason}: {found.message}")
    return found
