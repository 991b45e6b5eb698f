"""The IAM actions that a call requires, with their resources. Pure, but for looking up the paths of users and roles.

Most operations require the action with their own name, on one resource. The tables contain the exceptions that this
project needs. For an unknown resource, the action is required on `*`, which only a policy for all resources allows.

Source: the Service Authorization Reference, one page per service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from tfdriver.sandbox.parse import Call

# ("role", "foo_bar") -> the ARN of an existing role or user of the caller's account, None if there is none.
Lookup = Callable[[str, str], str | None]


@dataclass(frozen=True)
class RequiredAction:
    """An action on a resource. facts: the action's condition keys, in lower case, with their values."""

    action: str
    resource: str = "*"
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CallLocation:
    """The caller's partition and account and the call's region, for the ARNs of the call's resources."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, rest: str) -> str:
        """Return an ARN in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

    def iam(self, rest: str) -> str:
        """Return an ARN of IAM in this account."""
        return f"arn:{self.partition}:iam::{self.account}:{rest}"


# Operations whose IAM action has another name.
_ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:HeadObject": "s3:GetObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "dynamodb:ExecuteStatement": "dynamodb:PartiQLSelect",
}
# Anybody with valid credentials may call these.
_FREE = {"sts:GetCallerIdentity", "sts:GetSessionToken"}
# IAM: the parameter that names the resource, and its kind; the first that is there counts.
_IAM_PARAMETERS = (
    ("InstanceProfileName", "instance-profile"),
    ("RoleName", "role"),
    ("GroupName", "group"),
    ("UserName", "user"),
    ("PolicyName", "policy"),
)
_ARN_PARAMETERS = ("ResourceArn", "ResourceARN", "resourceArn", "Resource", "TopicArn", "Arn", "ARN", "RoleArn")


def required_actions(call: Call, place: CallLocation, lookup: Lookup) -> tuple[RequiredAction, ...]:
    """Return the actions that a call requires, all of which must be allowed. The first is the call's own action."""
    own = f"{call.service}:{call.operation}"
    if own in _FREE:
        return ()
    action = _ACTIONS.get(own, own)
    kinds: Mapping[str, Callable[[Call, CallLocation, str], tuple[RequiredAction, ...]]] = {
        "iam": partial(_iam, lookup=lookup),
        "lambda": _lambda,
        "dynamodb": _dynamodb,
        "events": _events,
        "logs": _logs,
        "s3": _s3,
        "sns": _sns,
        "sqs": _sqs,
    }
    special = kinds.get(call.service)
    if not special:
        return (RequiredAction(action, call.text(*_ARN_PARAMETERS) or "*"),)
    found = special(call, place, action)
    creates = call.operation.startswith("Create") or call.operation == "PutRule"
    if creates and any(call.parameters.get(name) for name in ("Tags", "tags", "Tags.member.1.Key")):
        what = {"iam": call.operation.removeprefix("Create"), "sqs": "Queue"}.get(call.service, "Resource")
        found += (RequiredAction(f"{call.service}:Tag{what}", found[0].resource.partition(":log-stream:")[0]),)
    return found


def _iam(call: Call, place: CallLocation, action: str, lookup: Lookup) -> tuple[RequiredAction, ...]:
    resource = call.text("PolicyArn") if "Policy" in call.operation else ""
    holder = next(((call.text(p), kind) for p, kind in _IAM_PARAMETERS if call.text(p)), None)
    facts = {}
    if resource and holder:  # a policy is attached to something
        facts["iam:policyarn"] = resource
    if call.text("PermissionsBoundary"):
        facts["iam:permissionsboundary"] = call.text("PermissionsBoundary")
    if holder:
        name, kind = holder
        path = call.text("Path") or "/"
        resource = lookup(kind, name) or place.iam(f"{kind}{path}{name}")
    return (RequiredAction(action, resource or "*", facts),)


def _lambda(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    name = call.text("FunctionName", "Resource")
    own = RequiredAction(action, _function_arn(name, place) if name else "*")
    return (own, _pass_role(call.text("Role"), "lambda.amazonaws.com")) if call.text("Role") else (own,)


def _function_arn(name: str, place: CallLocation) -> str:
    if name.startswith("arn:"):
        return name
    return place.arn("lambda", f"function:{re.sub(r'^[0-9]{12}:function:', '', name)}")


def _dynamodb(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    def table(name: str) -> str:
        return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")

    if call.operation in ("BatchGetItem", "BatchWriteItem"):
        tables = call.parameters.get("RequestItems")
        return tuple(RequiredAction(action, table(name)) for name in tables or ()) or (RequiredAction(action),)
    if call.operation in ("TransactWriteItems", "TransactGetItems"):
        return _transaction(call, table) or (RequiredAction(action),)
    name, index = call.text("TableName"), call.text("IndexName")
    resource = table(name) + (f"/index/{index}" if index else "") if name else call.text("ResourceArn", "TableArn")
    return (RequiredAction(action, resource or "*"),)


def _transaction(call: Call, table: Callable[[str], str]) -> tuple[RequiredAction, ...]:
    actions = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem"}
    items = call.parameters.get("TransactItems")
    return tuple(
        RequiredAction(f"dynamodb:{actions.get(kind, 'ConditionCheckItem')}", table(str(part.get("TableName", "*"))))
        for item in (items if isinstance(items, list) else [])
        for kind, part in item.items()
    )


def _events(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    bus = call.text("EventBusName").rpartition("/")[2]
    rule = call.text("Rule") or (call.text("Name") if "Rule" in call.operation else "")
    path = f"rule/{'' if bus in ('', 'default') else bus + '/'}{rule}"
    arn = place.arn("events", path) if rule else call.text("ResourceARN")
    targets = call.parameters.get("Targets")
    roles = {t.get("RoleArn") for t in targets if isinstance(t, Mapping)} if isinstance(targets, list) else set()
    passed = {call.text("RoleArn"), *roles} - {"", None}
    return RequiredAction(action, arn or "*"), *(
        _pass_role(str(role), "events.amazonaws.com") for role in sorted(map(str, passed))
    )


def _logs(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    """Return the actions of a call of CloudWatch Logs.

    The ARN of a log group ends with `:*`, except in calls for tags. DescribeLogGroups requires its action on all log
    groups, even with a prefix. Sources: CloudWatch Logs user guide, iam-access-control-overview-cwl;
    hashicorp/terraform-provider-aws#8804.
    """
    if call.text("resourceArn"):
        return (RequiredAction(action, call.text("resourceArn")),)
    group = call.text("logGroupName", "logGroupIdentifier")
    group = group if group.startswith("arn:") else place.arn("logs", f"log-group:{group}")
    return (RequiredAction(action, f"{group.removesuffix(':*')}:log-stream:{call.text('logStreamName')}"),)


def _s3(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    bucket, key = call.text("Bucket"), call.text("Key")
    arn = f"arn:{place.partition}:s3:::{bucket}" + (f"/{key}" if key else "")
    return (RequiredAction(action, arn if bucket else "*"),)


def _sns(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    arn = call.text("TopicArn", "ResourceArn") or (place.arn("sns", call.text("Name")) if call.text("Name") else "*")
    return (RequiredAction(action, arn),)


def _sqs(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    name = call.text("QueueName") or call.text("QueueUrl").rpartition("/")[2]
    return (RequiredAction(action, place.arn("sqs", name) if name else "*"),)


def _pass_role(arn: str, service: str) -> RequiredAction:
    return RequiredAction("iam:PassRole", arn, {"iam:passedtoservice": service})
