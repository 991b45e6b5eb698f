"""Lists the accounts of an organization with AWS Organizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.spec.model import Account

_REFUSED = ("AccessDeniedException", "AWSOrganizationsNotInUseException")


@dataclass(frozen=True)
class MemberAccount:
    """An account of an organization. state: e.g. `ACTIVE` or `SUSPENDED`."""

    id: str
    name: str
    state: str


def member_accounts(aws: Calls, caller: Account) -> list[MemberAccount]:
    """Return all accounts of the organization of `caller`, whatever their state, in AWS's order. Raises AwsError."""

    def pages(client: Any) -> list[dict[str, Any]]:
        return [found for page in client.get_paginator("list_accounts").paginate() for found in page["Accounts"]]

    try:
        found = aws.call(caller, "organizations", pages)
    except AwsError as error:
        if error.aws_code not in _REFUSED:
            raise
        hint = "Use a profile of the organization's management account, or of a delegated administrator"
        raise AwsError(error.what, code=error.code, where=error.where, hint=hint, answer=error.answer) from error
    # `Status` was replaced by `State` in 2025. Source: Organizations API reference, Account.
    return [MemberAccount(one["Id"], one.get("Name", ""), one.get("State") or one["Status"]) for one in found]
