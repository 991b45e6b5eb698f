"""The permissions of a role as IAM shows them: attached and inline policies, and the permissions boundary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tfdriver.evaluator import Permissions
from tfdriver.spec.model import Account, Role
from tfdriver.trust import Document, parse


class Calls(Protocol):
    """What reading policies needs of AWS; `aws.Aws` is one."""

    def call(self, account: Account, service: str, ask: Callable[[Any], Any]) -> Any:
        """Return what `ask` returns when given a client of the service. Raises TfdriverError."""


@dataclass(frozen=True)
class NamedPolicy:
    """A policy. arn: '' for an inline one."""

    name: str
    arn: str
    document: Document


@dataclass(frozen=True)
class RolePolicies:
    """What a role may do. policies: attached ones first, then inline ones."""

    policies: tuple[NamedPolicy, ...]
    boundary: NamedPolicy | None = None

    @property
    def permissions(self) -> Permissions:
        """The same, as the evaluator takes it."""
        boundary = self.boundary.document if self.boundary else None
        return Permissions(tuple(policy.document for policy in self.policies), boundary)


def read(aws: Calls, role: Role) -> RolePolicies:
    """Return the policies of a role that exists. Raises TfdriverError (of `aws`) for what cannot be read."""
    found: RolePolicies = aws.call(role.account, "iam", lambda iam: _read(iam, role.name))
    return found


def _read(iam: Any, name: str) -> RolePolicies:
    role = iam.get_role(RoleName=name)["Role"]
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    attached = [
        _managed(iam, policy["PolicyArn"])
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
        for policy in page["AttachedPolicies"]
    ]
    inline = [
        NamedPolicy(policy, "", parse(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]))
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=name)
        for policy in page["PolicyNames"]
    ]
    return RolePolicies((*attached, *inline), _managed(iam, boundary) if boundary else None)


def _managed(iam: Any, arn: str) -> NamedPolicy:
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return NamedPolicy(policy["PolicyName"], arn, parse(version["Document"]))
