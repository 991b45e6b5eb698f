"""Converts moto's objects into the values of `resources`. Does not import moto."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from tfdriver.iam.evaluator import Permissions
from tfdriver.iam.policy_document import Document
from tfdriver.sandbox.resources import IamRole, IamUser, LambdaFunction
from tfdriver.spec.model import Account


def user_of(user: Any, account: Account, iam: Any) -> IamUser:
    """Convert a user, with its groups' policies. iam: moto's IAM backend of the account."""
    groups = [group for group in iam.groups.values() if user in group.users]
    return IamUser(
        arn=user.arn,
        id=user.id,
        name=user.name,
        account=account.id,
        partition=account.partition,
        permissions=_permissions([user, *groups], getattr(user, "permissions_boundary_arn", None), iam),
    )


def role_of(role: Any, account: Account, iam: Any) -> IamRole:
    """Convert a role. iam: moto's IAM backend of the account."""
    return IamRole(
        arn=role.arn,
        id=role.id,
        name=role.name,
        account=account.id,
        partition=account.partition,
        max_session=int(role.max_session_duration or 3600),
        trust=_document(role.assume_role_policy_document),
        permissions=_permissions([role], role.permissions_boundary_arn, iam),
    )


def _permissions(identities: Iterable[Any], boundary_arn: str | None, iam: Any) -> Permissions:
    texts = []
    for identity in identities:
        texts += list(identity.policies.values())
        texts += [_default_version(policy) for policy in identity.managed_policies.values()]
    boundary = iam.managed_policies.get(boundary_arn) if boundary_arn else None
    return Permissions(
        identity=tuple(_document(text) for text in texts),
        boundary=_document(_default_version(boundary) if boundary else "{}") if boundary_arn else None,
    )


def _default_version(policy: Any) -> str:
    return next((v.document for v in policy.versions if v.version_id == policy.default_version_id), "{}")


@lru_cache(maxsize=1024)
def _document(text: str) -> Document:
    try:
        document = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return document if isinstance(document, Mapping) else {}


def _bucket(s3: Any, name: str) -> tuple[Any, Any]:
    bucket = s3.buckets[name.partition("/")[0]]
    rules = (bucket.encryption or {}).get("Rule") or {}
    rule = rules[0] if isinstance(rules, list) else rules
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    return bucket.policy, default.get("KMSMasterKeyID")


def _queue(sqs: Any, name: str) -> tuple[Any, Any]:
    return sqs.queues[name].policy, sqs.queues[name].kms_master_key_id


def _topic(sns: Any, name: str) -> tuple[Any, Any]:
    topic = next(topic for arn, topic in sns.topics.items() if arn.rpartition(":")[2] == name)
    return topic.policy, topic.kms_master_key_id


def _key(kms: Any, name: str) -> tuple[Any, Any]:
    return kms.keys[name.removeprefix("key/")].policy, None


def _secret(secrets: Any, name: str) -> tuple[Any, Any]:
    secret = next(secret for secret in secrets.secrets.values() if secret.arn.endswith(f":{name}"))
    return secret.policy, secret.kms_key_id


def _table(dynamodb: Any, name: str) -> tuple[Any, Any]:
    table = dynamodb.tables[name.removeprefix("table/").partition("/")[0]]
    found = dynamodb.resource_policies.get(table.table_arn)
    return found and found.policy_doc, None


def _function(awslambda: Any, name: str) -> tuple[Any, Any]:
    function, _, qualifier = name.removeprefix("function:").partition(":")
    statements = awslambda.get_function(function, qualifier or None).policy.statements
    return json.dumps({"Statement": list(statements)}), None


def _repository(ecr: Any, name: str) -> tuple[Any, Any]:
    return ecr.repositories[name.removeprefix("repository/")].policy, None


def _bus(events: Any, name: str) -> tuple[Any, Any]:
    return events.event_buses[name.removeprefix("event-bus/")].policy, None


# The services whose resource policies the sandbox knows -> a function that returns a resource's policy and its KMS key,
# for moto's backend and the end of the resource's ARN. It raises KeyError or StopIteration for a missing resource.
RESOURCE_POLICIES: Mapping[str, Callable[[Any, str], tuple[Any, Any]]] = {
    "dynamodb": _table,
    "ecr": _repository,
    "events": _bus,
    "kms": _key,
    "lambda": _function,
    "s3": _bucket,
    "secretsmanager": _secret,
    "sns": _topic,
    "sqs": _queue,
}


def policy_document(policy: str | bytes | None) -> Document:
    """Return a resource policy as moto keeps it: {} for none."""
    return _document(policy.decode() if isinstance(policy, bytes) else policy or "{}")


def function_of(function: Any) -> LambdaFunction:
    """Convert a Lambda function."""
    return LambdaFunction(
        arn=function.function_arn,
        name=function.function_name,
        version=str(function.version),
        account=function.account_id,
        region=function.region,
        role=function.role,
        runtime=function.run_time or "",
        handler=function.handler or "",
        timeout=int(function.timeout),
        memory=int(function.memory_size),
        environment=dict(function.environment_vars),
        code=getattr(function, "code_bytes", b""),
        policy={"Statement": list(function.policy.statements)},
    )
