"""Converts moto's objects into the values of `resources`. Does not import moto."""

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
