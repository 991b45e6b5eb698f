"""What moto's objects say, as our own values. Touches moto's objects, imports nothing of moto."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from tfdriver.iam.evaluator import Permissions
from tfdriver.iam.policy_document import Document
from tfdriver.sandbox.resources import IamRole, IamUser, LambdaFunction
from tfdriver.spec.model import Account


def user_of(user: Any, account: Account, iam: Any) -> IamUser:
    """Return a user of moto's, with its groups' policies. iam: moto's IAM of the account."""
    groups = [group for group in iam.groups.values() if user in group.users]
    holders = [user, *groups]
    boundary = getattr(user, "permissions_boundary_arn", None)
    permissions = _permissions(holders, boundary, iam)
    return IamUser(user.arn, user.id, user.name, account.id, account.partition, permissions)


def role_of(role: Any, account: Account, iam: Any) -> IamRole:
    """Return a role of moto's. iam: moto's IAM of the account."""
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


def _permissions(holders: Iterable[Any], boundary: str | None, iam: Any) -> Permissions:
    texts = []
    for holder in holders:
        texts += list(holder.policies.values())
        texts += [_default_version(policy) for policy in holder.managed_policies.values()]
    limit = iam.managed_policies.get(boundary) if boundary else None
    return Permissions(
        identity=tuple(_document(text) for text in texts),
        boundary=_document(_default_version(limit) if limit else "{}") if boundary else None,
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


def function_of(found: Any) -> LambdaFunction:
    """Return a Lambda function of moto's."""
    return LambdaFunction(
        arn=found.function_arn,
        name=found.function_name,
        version=str(found.version),
        account=found.account_id,
        region=found.region,
        role=found.role,
        runtime=found.run_time or "",
        handler=found.handler or "",
        timeout=int(found.timeout),
        memory=int(found.memory_size),
        environment=dict(found.environment_vars),
        code=getattr(found, "code_bytes", b""),
        policy={"Statement": list(found.policy.statements)},
    )
