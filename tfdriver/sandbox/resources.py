"""The users, roles, functions, rules and resource policies that `backend` reads from moto."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.iam.evaluator import Permissions
from tfdriver.iam.policy_document import Document


@dataclass(frozen=True)
class IamUser:
    """An IAM user. id: its unique ID (`AIDA...`); permissions: its own and its groups' policies."""

    arn: str
    id: str
    name: str
    account: str
    partition: str
    permissions: Permissions


@dataclass(frozen=True)
class IamRole:
    """An IAM role. id: its unique ID (`AROA...`); trust: its trust policy, with principals as ARNs."""

    arn: str
    id: str
    name: str
    account: str
    partition: str
    max_session: int
    trust: Document
    permissions: Permissions


@dataclass(frozen=True)
class ProtectedResource:
    """A resource of a service with resource policies. owner: its account; policy: {} for none.

    key: the ARN of the KMS key of a customer that encrypts it, '' for none.
    """

    owner: str
    policy: Document
    key: str = ""


@dataclass(frozen=True)
class LambdaFunction:
    """A Lambda function. timeout: seconds; memory: MB; code: the zip; policy: its resource-based policy."""

    arn: str
    name: str
    version: str
    account: str
    region: str
    role: str
    runtime: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    code: bytes
    policy: Document


@dataclass(frozen=True)
class Rule:
    """An enabled event rule with a schedule. targets: as in PutTargets."""

    name: str
    arn: str
    account: str
    region: str
    targets: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Target:
    """What became of one target of a rule that was fired. rule, target: ARNs; payload: what it answered, a JSON value.

    ran: whether its code was run; error: why not, or how it failed, or ''.
    """

    rule: str
    target: str
    ran: bool
    error: str = ""
    payload: Any = None
