"""Reads the permissions of a role from IAM: attached and inline policies, and the permissions boundary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.iam.evaluator import Permissions
from tfdriver.iam.policy_document import Document, parse_policy
from tfdriver.spec.model import Role


@dataclass(frozen=True)
class NamedPolicy:
    """A policy. arn: '' for an inline policy."""

    name: str
    arn: str
    document: Document


@dataclass(frozen=True)
class RolePolicies:
    """The policies of a role. policies: the attached ones, then the inline ones."""

    policies: tuple[NamedPolicy, ...]
    boundary: NamedPolicy | None = None

    @property
    def permissions(self) -> Permissions:
        """The policies for the evaluator."""
        boundary = self.boundary.document if self.boundary else None
        return Permissions(tuple(policy.document for policy in self.policies), boundary)


@dataclass(frozen=True)
class Unmanaged:
    """Policies of a role that are not resources in Terraform's state: ARNs of attached, names of inline ones.

    unsure: those in the state of the role's arguments `managed_policy_arns` and `inline_policy`. Terraform writes
    policies that were added by hand there too.
    """

    names: tuple[str, ...]
    unsure: tuple[str, ...]


def read_role_policies(aws: Calls, role: Role) -> RolePolicies:
    """Return the inline and attached policies of a role, which must exist. Raises AwsError."""

    def ask(iam: Any) -> RolePolicies:
        boundary = iam.get_role(RoleName=role.name)["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        found = [_managed_policy(iam, arn) for arn in _attached_arns(iam, role.name)]
        for name in _inline_names(iam, role.name):
            document = iam.get_role_policy(RoleName=role.name, PolicyName=name)["PolicyDocument"]
            found.append(NamedPolicy(name, "", parse_policy(document)))
        return RolePolicies(tuple(found), _managed_policy(iam, boundary) if boundary else None)

    return aws.call(role.account, "iam", ask)


def unmanaged(aws: Calls, role: Role, state: Mapping[str, Any]) -> Unmanaged | None:
    """Return the policies of a role that Terraform does not manage, or None if the state does not have the role.

    state: version 4, as Terraform stores it. Raises AwsError, also if the role does not exist.
    """
    if role.existing:  # its other policies are its owner's
        mine = (*_attributes(state, "aws_iam_role"), *_attributes(state, "aws_iam_role_policy"))
        return Unmanaged((), ()) if any(role.name in (a.get("name"), a.get("role")) for a in mine) else None
    own = next((found for found in _attributes(state, "aws_iam_role") if found.get("name") == role.name), None)
    if own is None:
        return None
    listed = {(a.get("role"), a.get("policy_arn")) for a in _attributes(state, "aws_iam_role_policy_attachment")}
    listed |= {(p.get("role"), p.get("name")) for p in _attributes(state, "aws_iam_role_policy")}
    arguments = {*(own.get("managed_policy_arns") or ()), *(p.get("name") for p in own.get("inline_policy") or ())}
    names = aws.call(role.account, "iam", lambda iam: [*_attached_arns(iam, role.name), *_inline_names(iam, role.name)])
    others = [name for name in names if (role.name, name) not in listed]
    return Unmanaged(
        names=tuple(name for name in others if name not in arguments),
        unsure=tuple(name for name in others if name in arguments),
    )


def _attributes(state: Mapping[str, Any], resource_type: str) -> Iterator[Mapping[str, Any]]:
    for resource in state.get("resources", ()):
        if resource["mode"] == "managed" and resource["type"] == resource_type:
            yield from (instance["attributes"] for instance in resource["instances"])


def _attached_arns(iam: Any, role_name: str) -> list[str]:
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=role_name)
    return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]


def _inline_names(iam: Any, role_name: str) -> list[str]:
    pages = iam.get_paginator("list_role_policies").paginate(RoleName=role_name)
    return [name for page in pages for name in page["PolicyNames"]]


def _managed_policy(iam: Any, arn: str) -> NamedPolicy:
    """Return the default version of a managed policy."""
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return NamedPolicy(policy["PolicyName"], arn, parse_policy(version["Document"]))
