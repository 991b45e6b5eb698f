"""The permissions of a role as IAM shows them: attached and inline policies, and the permissions boundary."""

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


@dataclass(frozen=True)
class Unmanaged:
    """ARNs of attached policies and names of inline policies that a role has from no resource of its state.

    unsure: those that the role's own arguments `managed_policy_arns` and `inline_policy` may have given it. Terraform
    writes policies that somebody added by hand into these as well.
    """

    names: tuple[str, ...]
    unsure: tuple[str, ...]


def read_role_policies(aws: Calls, role: Role) -> RolePolicies:
    """Return the policies of a role that exists. Raises TfdriverError (of `aws`) for what cannot be read."""

    def ask(iam: Any) -> RolePolicies:
        boundary = iam.get_role(RoleName=role.name)["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        found = [_managed(iam, arn) for arn in _attached(iam, role.name)]
        for name in _inline(iam, role.name):
            document = iam.get_role_policy(RoleName=role.name, PolicyName=name)["PolicyDocument"]
            found.append(NamedPolicy(name, "", parse_policy(document)))
        return RolePolicies(tuple(found), _managed(iam, boundary) if boundary else None)

    return aws.call(role.account, "iam", ask)


def unmanaged(aws: Calls, role: Role, state: Mapping[str, Any]) -> Unmanaged | None:
    """Return what AWS shows of a role's policies that Terraform does not manage; None if its state has no such role.

    state: version 4, as Terraform stores it. Raises AwsError, also if there is no such role.
    """
    own = next((found for found in _attributes(state, "aws_iam_role") if found.get("name") == role.name), None)
    if own is None:
        return None
    listed = {(a.get("role"), a.get("policy_arn")) for a in _attributes(state, "aws_iam_role_policy_attachment")}
    listed |= {(p.get("role"), p.get("name")) for p in _attributes(state, "aws_iam_role_policy")}
    arguments = {*(own.get("managed_policy_arns") or ()), *(p.get("name") for p in own.get("inline_policy") or ())}
    shown = aws.call(role.account, "iam", lambda iam: [*_attached(iam, role.name), *_inline(iam, role.name)])
    others = [name for name in shown if (role.name, name) not in listed]
    return Unmanaged(
        tuple(name for name in others if name not in arguments), tuple(name for name in others if name in arguments)
    )


def _attributes(state: Mapping[str, Any], resource_type: str) -> Iterator[Mapping[str, Any]]:
    for resource in state.get("resources", ()):
        if resource["mode"] == "managed" and resource["type"] == resource_type:
            yield from (instance["attributes"] for instance in resource["instances"])


def _attached(iam: Any, role_name: str) -> list[str]:
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=role_name)
    return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]


def _inline(iam: Any, role_name: str) -> list[str]:
    pages = iam.get_paginator("list_role_policies").paginate(RoleName=role_name)
    return [name for page in pages for name in page["PolicyNames"]]


def _managed(iam: Any, arn: str) -> NamedPolicy:
    """Return a managed policy as its default version has it."""
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return NamedPolicy(policy["PolicyName"], arn, parse_policy(version["Document"]))
