"""The IAM actions that a call requires, with their resources. Pure, but for looking up the paths of users and roles.

Most operations require the action with their own name, on one resource. The tables contain the exceptions that this
project needs. For an unknown resource, the action is required on `*`, which only a policy for all resources allows.

Source: the Service Authorization Reference, one page per service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import unquote

from tfdriver.sandbox.parse import Call

# ("role", "foo_bar") -> the ARN of an existing role, user, instance profile, KMS key or secret of the caller's account,
# None if there is none.
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
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListParts": "s3:ListMultipartUploadParts",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:PutBucketAccelerateConfiguration": "s3:PutAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:PutBucketCors": "s3:PutBucketCORS",
    "s3:DeleteBucketCors": "s3:PutBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketLifecycle": "s3:GetLifecycleConfiguration",  # in botocore's model it has the same request as the next
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:PutBucketReplication": "s3:PutReplicationConfiguration",
    "s3:DeleteBucketReplication": "s3:PutReplicationConfiguration",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "dynamodb:ExecuteStatement": "dynamodb:PartiQLSelect",
}
# Actions on a version of an object.
_VERSION_ACTIONS = {
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
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
# The KMS actions that an action on an encrypted resource also requires. Source: each service's developer guide, e.g. S3
# user guide, UsingKMSEncryption; SQS developer guide, sqs-key-management.
_KEY_ACTIONS = {
    "s3:GetObject": ("kms:Decrypt",),
    "s3:GetObjectVersion": ("kms:Decrypt",),
    "s3:PutObject": ("kms:GenerateDataKey",),
    "secretsmanager:GetSecretValue": ("kms:Decrypt",),
    "secretsmanager:PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
}
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
        "ecr": _ecr,
        "events": _events,
        "kms": partial(_kms, lookup=lookup),
        "logs": _logs,
        "s3": _s3,
        "scheduler": _scheduler,
        "secretsmanager": partial(_secretsmanager, lookup=lookup),
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
        # IAM checks the tags of a new key on the key, although CreateKey itself has no resource.
        tagged = place.arn("kms", "key/new") if call.service == "kms" else found[0].resource
        found += (RequiredAction(f"{call.service}:Tag{what}", tagged.partition(":log-stream:")[0]),)
    return found


def key_actions(needed: RequiredAction, key: str, region: str, account: str) -> tuple[RequiredAction, ...]:
    """Return the KMS actions that an action on an encrypted resource also requires.

    key: the ARN of the resource's key, '' for none; region: of the call; account: of the caller.
    """
    service = needed.action.partition(":")[0]
    facts = {
        "kms:viaservice": f"{service}.{region}.amazonaws.com",
        "kms:calleraccount": account,
        "aws:viaawsservice": "true",
    }
    return tuple(RequiredAction(action, key, facts) for action in _KEY_ACTIONS.get(needed.action, ()) if key)


def _iam(call: Call, place: CallLocation, action: str, lookup: Lookup) -> tuple[RequiredAction, ...]:
    if "OpenIDConnectProvider" in call.operation:
        host = re.sub(r"^https?://", "", call.text("Url"))
        created = place.iam(f"oidc-provider/{host}") if host else "*"
        return (RequiredAction(action, call.text("OpenIDConnectProviderArn") or created),)
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
    own = RequiredAction(action, resource or "*", facts)
    if call.operation == "AddRoleToInstanceProfile":
        role = call.text("RoleName")
        return own, _pass_role(lookup("role", role) or place.iam(f"role/{role}"), "ec2.amazonaws.com")
    return (own,)


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
    """Return the actions of a call of S3. The body of DeleteObjects, which names its objects, is not read."""
    bucket, key = call.text("Bucket"), "*" if call.operation == "DeleteObjects" else call.text("Key")
    names = ("prefix", "delimiter", "max-keys", "versionId")
    facts = {
        f"s3:{name.lower()}": str(value)
        for name, value in call.parameters.items()
        if name in names or name.startswith("x-amz-")
    }
    action = _VERSION_ACTIONS.get(action, action) if call.text("versionId") else action
    arn = f"arn:{place.partition}:s3:::"
    own = RequiredAction(action, f"{arn}{bucket}" + (f"/{key}" if key else "") if bucket else "*", facts)
    source = unquote(call.text("x-amz-copy-source")).partition("?")[0].removeprefix("/")
    return (own, RequiredAction("s3:GetObject", arn + source)) if source else (own,)


def _ecr(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    owner = replace(place, account=call.text("registryId") or place.account)
    several = call.parameters.get("repositoryNames")
    names = [call.text("repositoryName"), *map(str, several if isinstance(several, list) else ())]
    arns = [owner.arn("ecr", f"repository/{name}") for name in names if name] or [call.text("resourceArn") or "*"]
    return tuple(RequiredAction(action, arn) for arn in arns)


def _kms(call: Call, place: CallLocation, action: str, lookup: Lookup) -> tuple[RequiredAction, ...]:
    """Return the actions of a call of KMS. Calls for an alias require the action on the alias and on its keys."""
    facts = {"kms:calleraccount": place.account}

    def key(name: str) -> str:
        return lookup("key", name) or (name if name.startswith("arn:") else place.arn("kms", f"key/{name}"))

    alias = call.text("AliasName")
    if alias:
        keys = {key(name) for name in (call.text("TargetKeyId"), "" if "Create" in action else alias) if name}
        own = alias if alias.startswith("arn:") else place.arn("kms", alias)
        return tuple(RequiredAction(action, arn, facts) for arn in (own, *sorted(keys)))
    name = call.text("KeyId")
    return (RequiredAction(action, key(name) if name else "*", facts),)


def _scheduler(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    name = call.text("Name")
    group = call.text("GroupName", "groupName") or "default"
    path = f"schedule-group/{name}" if "Group" in call.operation else f"schedule/{group}/{name}"
    own = RequiredAction(action, place.arn("scheduler", path) if name else call.text("ResourceArn") or "*")
    target = call.parameters.get("Target")
    role = target.get("RoleArn") if isinstance(target, Mapping) else None
    return (own, _pass_role(str(role), "scheduler.amazonaws.com")) if role else (own,)


def _secretsmanager(call: Call, place: CallLocation, action: str, lookup: Lookup) -> tuple[RequiredAction, ...]:
    """Return the actions of a call of Secrets Manager. The ARN of a secret ends with six random characters."""
    name = call.text("SecretId", "Name")
    new = name if name.startswith("arn:") else place.arn("secretsmanager", f"secret:{name}-??????")
    own = RequiredAction(action, (lookup("secret", name) or new) if name else "*")
    key = call.text("KmsKeyId")
    if call.operation not in ("CreateSecret", "UpdateSecret") or not key:
        return (own,)
    written = RequiredAction("secretsmanager:PutSecretValue")
    return own, *key_actions(written, lookup("key", key) or "", place.region, place.account)


def _sns(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    arn = call.text("TopicArn", "ResourceArn") or (place.arn("sns", call.text("Name")) if call.text("Name") else "*")
    return (RequiredAction(action, arn),)


def _sqs(call: Call, place: CallLocation, action: str) -> tuple[RequiredAction, ...]:
    owner, _, name = call.text("QueueUrl").rpartition("/")
    account = owner.rpartition("/")[2] or call.text("QueueOwnerAWSAccountId") or place.account
    name = name or call.text("QueueName")
    return (RequiredAction(action, replace(place, account=account).arn("sqs", name) if name else "*"),)


def _pass_role(arn: str, service: str) -> RequiredAction:
    return RequiredAction("iam:PassRole", arn, {"iam:passedtoservice": service})
