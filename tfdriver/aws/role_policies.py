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
    return aws.call(role.account, "iam", lambda iam: _read(iam, role.name))


def unmanaged(aws: Calls, role: Role, state: Mapping[str, Any]) -> Unmanaged | None:
    """Return what AWS shows of a role's policies that Terraform does not manage; None if its state has no such role.

    state: version 4, as Terraform stores it. Raises AwsError, also if there is no such role.
    """
    own = next((found for found in _attributes(state, "aws_iam_role") if found.get("name") == role.name), None)
    if own is None:
        return None
    managed = {(a.get("role"), a.get("policy_arn")) for a in _attributes(state, "aws_iam_role_policy_attachment")}
    managed |= {(p.get("role"), p.get("name")) for p in _attributes(state, "aws_iam_role_policy")}
    arguments = {*(own.get("managed_policy_arns") or ()), *(p.get("name") for p in own.get("inline_policy") or ())}
    shown = aws.call(role.account, "iam", lambda iam: [*attached(iam, role.name), *inline_names(iam, role.name)])
    others = [name for name in shown if (role.name, name) not in managed]
    return Unmanaged(
        tuple(name for name in others if name not in arguments), tuple(name for name in others if name in arguments)
    )


def _attributes(state: Mapping[str, Any], resource_type: str) -> Iterator[Mapping[str, Any]]:
    for resource in state.get("resources", ()):
        if resource["mode"] == "managed" and resource["type"] == resource_type:
            yield from (instance["attributes"] for instance in resource["instances"])


def attached(iam: Any, role_name: str) -> list[str]:
    """Return the ARNs of the managed policies attached to a role. iam: boto3's client, as for the next three."""
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=role_name)
    return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]


def inline(iam: Any, role_name: str) -> dict[str, Document]:
    """Return the inline policies of a role, by name."""
    return {
        name: parse_policy(iam.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"])
        for name in inline_names(iam, role_name)
    }


def inline_names(iam: Any, role_name: str) -> list[str]:
    """Return the names of the inline policies of a role."""
    pages = iam.get_paginator("list_role_policies").paginate(RoleName=role_name)
    return [name for page in pages for name in page["PolicyNames"]]


def managed(iam: Any, arn: str) -> NamedPolicy:
    """Return a managed policy as its default version has it."""
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return NamedPolicy(policy["PolicyName"], arn, parse_policy(version["Document"]))


def _read(iam: Any, name: str) -> RolePolicies:
    boundary = iam.get_role(RoleName=name)["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    found = [managed(iam, arn) for arn in attached(iam, name)]
    found += [NamedPolicy(policy, "", document) for policy, document in inline(iam, name).items()]
    return RolePolicies(tuple(found), managed(iam, boundary) if boundary else None)
