"""A role's policies as IAM has them now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfdriver.spec.model import Role
from tfdriver.trust import Document, parse
from tfdriver.verify.calls import Calls
from tfdriver.verify.reference import Policies


def live_policies(aws: Calls, role: Role, known: Iterable[str]) -> Policies:
    """Return a role's policies. known: ARNs of the managed policies whose documents are wanted.

    Raises AwsError, also if there is no such role.
    """
    wanted = frozenset(known)

    def ask(iam: Any) -> Policies:
        found = iam.get_role(RoleName=role.name)["Role"]
        attached = [
            policy["PolicyArn"]
            for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role.name)
            for policy in page["AttachedPolicies"]
        ]
        names = [
            name
            for page in iam.get_paginator("list_role_policies").paginate(RoleName=role.name)
            for name in page["PolicyNames"]
        ]
        return Policies(
            parse(found["AssumeRolePolicyDocument"]),
            found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            {arn: _managed(iam, arn) if arn in wanted else None for arn in attached},
            {name: parse(iam.get_role_policy(RoleName=role.name, PolicyName=name)["PolicyDocument"]) for name in names},
        )

    return aws.call(role.account, "iam", ask)


def _managed(iam: Any, arn: str) -> Document:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return parse(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
