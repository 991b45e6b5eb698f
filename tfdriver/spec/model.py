"""The checked spec: accounts, roles and who trusts whom. Pure; no I/O.

`load.load_spec` has filled in the defaults, checked the syntax of every name and resolved every reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from tfdriver.spec.duration import parse_duration
from tfdriver.spec.fields import DEFAULT_OPEN_FOR

_OPEN_FOR = parse_duration(DEFAULT_OPEN_FOR)
PROJECT = "../../"  # the path from a composition to the project


def global_region(partition: str) -> str:
    """Return the region in which CloudTrail records calls of IAM, a global service.

    Source: CloudTrail user guide, "Global service events".
    """
    return {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}.get(partition, "us-east-1")


@dataclass(frozen=True)
class Account:
    """An AWS account of the spec.

    name: its key under `accounts:`; id: 12 digits; profile: AWS profile name; region: e.g. `us-west-2`, never empty;
    partition: e.g. `aws`, the region's; owner: who is responsible for it. All accounts without one have the same owner.
    """

    name: str
    id: str
    profile: str
    region: str
    partition: str
    owner: str = ""

    @property
    def placeholders(self) -> dict[str, str]:
        """The values of the placeholders in a role with `accounts:`."""
        return {"account": self.name, "account_id": self.id}

    @property
    def root_arn(self) -> str:
        """The ARN that stands for the whole account in a trust policy."""
        return f"arn:{self.partition}:iam::{self.id}:root"


@dataclass(frozen=True)
class RoleElsewhere:
    """A role that exists elsewhere, and that a role of the spec may assume. external_id: required by its owner."""

    arn: str
    external_id: str | None = None


@dataclass(frozen=True)
class Role:
    """An IAM role of the spec, with the module that creates it. existing: the role is somebody else's, without one.

    key: its logical name: its key under `roles:`, followed by `@` and the account's for a role with `accounts:`.
    name: the IAM role name; path: begins and ends with `/`.
    module: as written in the spec; source: for `source = ` in the composition.
    package: folder of code to zip for the module, or None; variables: JSON values for the module, by variable name.
    trusts: keys of the roles it trusts; trusted_arns: ARNs of the roles and users that it trusts and that exist
    elsewhere; assumes: roles that exist elsewhere, which it may assume.
    """

    key: str
    account: Account
    name: str
    module: str
    source: str
    path: str = "/"
    version: str = ""
    package: Path | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    trusts: tuple[str, ...] = ()
    trusted_arns: tuple[str, ...] = ()
    assumes: tuple[RoleElsewhere, ...] = ()
    external_id: str | None = None
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    session_tags: bool = False
    source_identity: bool = False
    trust_statements: tuple[Mapping[str, Any], ...] = ()
    guard: bool = True
    open_for: timedelta = _OPEN_FOR
    existing: bool = False

    @property
    def is_trusting(self) -> bool:
        """Whether it trusts anybody."""
        return bool(self.trusts or self.trusted_arns)

    @property
    def label(self) -> str:
        """Its key under `roles:`, a Terraform identifier, unique in its composition."""
        return self.key.partition("@")[0]

    @property
    def arn(self) -> str:
        """The ARN that the role has, or will have once it is created."""
        return f"arn:{self.account.partition}:iam::{self.account.id}:role{self.path}{self.name}"

    @property
    def folder(self) -> str | None:
        """The path of its module below the project folder; None for a remote module."""
        return self.source.removeprefix(PROJECT) if self.source.startswith(PROJECT) else None


@dataclass(frozen=True)
class StateSettings:
    """`state:`. backend: a backend of Terraform; arguments: JSON values by name, with placeholders."""

    backend: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spec:
    """A whole tfdriver.yaml. root: the project folder, absolute; the mappings keep the file's order.

    state: None for local files beside the compositions.
    """

    root: Path
    project: str
    accounts: Mapping[str, Account]
    roles: Mapping[str, Role]
    state: StateSettings | None = None

    @cached_property
    def trusting(self) -> tuple[Role, ...]:
        """The roles that trust others, in the file's order."""
        return tuple(role for role in self.roles.values() if role.is_trusting)

    @cached_property
    def trusted(self) -> tuple[Role, ...]:
        """The roles that may assume others, in the file's order. A role may be trusting and trusted."""
        return tuple(r for r in self.roles.values() if r.key in self._trusting_by_trusted or r.assumes)

    def trusted_by(self, trusting: Role) -> tuple[Role, ...]:
        """The roles that `trusting` trusts, in the order of its `trusts:`."""
        return tuple(self.roles[key] for key in trusting.trusts)

    def trusting_of(self, trusted: Role) -> tuple[Role, ...]:
        """The roles that `trusted` may assume, in the file's order."""
        return self._trusting_by_trusted.get(trusted.key, ())

    @cached_property
    def _trusting_by_trusted(self) -> Mapping[str, tuple[Role, ...]]:
        found: dict[str, list[Role]] = {}
        for role in self.trusting:
            for key in dict.fromkeys(role.trusts):
                found.setdefault(key, []).append(role)
        return {key: tuple(roles) for key, roles in found.items()}
