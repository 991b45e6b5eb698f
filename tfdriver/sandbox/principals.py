"""Principals of a trust policy: ARNs outside, unique ids inside. Pure; no I/O.

Saving a trust policy replaces the ARN of a user or role by its unique id; showing it puts the ARN back while that very
user or role lives. So a role that is deleted leaves its bare id behind, and a namesake does not take over.

Source: IAM user guide, reference_policies_elements_principal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tfdriver.iam.policy_document import Document

Translate = Callable[[str], str | None]

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:[\w-]+:iam::\d{12}:root")


class InvalidPrincipalError(Exception):
    """A principal that does not exist. principal: as the policy has it."""

    def __init__(self, principal: str) -> None:
        super().__init__(principal)
        self.principal = principal


def stored(policy: Document, partition: str, id_of: Translate) -> dict[str, Any]:
    """Return a trust policy as it is kept.

    partition: of the account that keeps it; id_of: the unique id for the ARN or unique id of something that lives, None
    if it does not. A bare account id becomes the account's root. Raises InvalidPrincipalError.
    """

    def keep(principal: str) -> str:
        if _ACCOUNT.fullmatch(principal):
            return f"arn:{partition}:iam::{principal}:root"
        if principal == "*" or _ROOT.fullmatch(principal):
            return principal
        unique_id = id_of(principal)
        if unique_id is None:
            raise InvalidPrincipalError(principal)
        return unique_id

    return _translated(policy, keep)


def shown(policy: Document, arn_of: Translate) -> dict[str, Any]:
    """Return a kept trust policy as IAM shows it. arn_of: the ARN for a unique id that lives, None if it does not."""

    def show(principal: str) -> str:
        return principal if principal == "*" or _ROOT.fullmatch(principal) else arn_of(principal) or principal

    return _translated(policy, show)


def _translated(policy: Document, change: Callable[[str], str]) -> dict[str, Any]:
    statements = policy.get("Statement", [])
    if isinstance(statements, Mapping):
        return {**policy, "Statement": _statement(statements, change)}
    return {**policy, "Statement": [_statement(s, change) for s in statements]}


def _statement(statement: Document, change: Callable[[str], str]) -> dict[str, Any]:
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping) or "AWS" not in principal:
        return dict(statement)
    named = principal["AWS"]
    changed = change(named) if isinstance(named, str) else [change(p) for p in named]
    return {**statement, "Principal": {**principal, "AWS": changed}}
