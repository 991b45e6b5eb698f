"""The principals of a trust policy, as ARNs and as unique IDs. Pure; no I/O.

IAM saves the unique ID of a user or role instead of its ARN. It returns the ARN while that user or role exists and the
unique ID after its deletion. A new role with the same name has another unique ID and is not trusted.

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
    """A principal in a policy does not exist."""

    def __init__(self, principal: str) -> None:
        super().__init__(principal)
        self.principal = principal


def to_unique_ids(policy: Document, partition: str, id_of: Translate) -> dict[str, Any]:
    """Return a trust policy as IAM saves it. Raises InvalidPrincipalError.

    An account ID becomes the ARN of the account's root. partition: of the role's account; id_of: returns the unique ID
    for the ARN or unique ID of an existing user or role, else None.
    """

    def translate(principal: str) -> str:
        if _ACCOUNT.fullmatch(principal):
            return f"arn:{partition}:iam::{principal}:root"
        if principal == "*" or _ROOT.fullmatch(principal):
            return principal
        unique_id = id_of(principal)
        if unique_id is None:
            raise InvalidPrincipalError(principal)
        return unique_id

    return _translate_principals(policy, translate)


def to_arns(policy: Document, arn_of: Translate) -> dict[str, Any]:
    """Return a saved trust policy as IAM returns it. arn_of: returns the ARN for an existing unique ID, else None."""

    def translate(principal: str) -> str:
        return principal if principal == "*" or _ROOT.fullmatch(principal) else arn_of(principal) or principal

    return _translate_principals(policy, translate)


def _translate_principals(policy: Document, translate: Callable[[str], str]) -> dict[str, Any]:
    def translate_statement(statement: Document) -> dict[str, Any]:
        principal = statement.get("Principal")
        if not isinstance(principal, Mapping) or "AWS" not in principal:
            return dict(statement)
        aws = principal["AWS"]
        translated = translate(aws) if isinstance(aws, str) else [translate(p) for p in aws]
        return {**statement, "Principal": {**principal, "AWS": translated}}

    statements = policy.get("Statement", [])
    if isinstance(statements, Mapping):
        return {**policy, "Statement": translate_statement(statements)}
    return {**policy, "Statement": [translate_statement(s) for s in statements]}
