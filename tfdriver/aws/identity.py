"""Who each profile is: `sts:GetCallerIdentity` of every account of the spec that has a role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from tfdriver.aws.calls import Caller
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.spec.model import Account, Spec


class IdentityReader(Protocol):
    """What checking identities needs of AWS; `aws.Aws` is one."""

    def caller(self, account: Account) -> Caller:
        """Return who the account's profile is."""


def used_accounts(spec: Spec) -> list[Account]:
    """Return the accounts that have a role, in the file's order."""
    used = {role.account.name for role in spec.roles.values()}
    return [account for account in spec.accounts.values() if account.name in used]


def check_identities(
    spec: Spec, aws: IdentityReader, accounts: Iterable[Account] | None = None
) -> Mapping[str, Caller]:
    """Return who each profile is now, by account name; of all accounts that have a role, or only of `accounts`.

    Raises TfdriverError unless each is in the account the spec says.
    """
    accounts = used_accounts(spec) if accounts is None else list(accounts)
    callers = dict(zip([a.name for a in accounts], side_by_side(aws.caller, accounts), strict=True))
    for account in accounts:
        found = callers[account.name].account_id
        if found != account.id:
            other = next((a for a in used_accounts(spec) if a.id == found), None)
            swapped = f", which is {other.name}: are the profiles swapped?" if other else ""
            raise TfdriverError(
                f"profile {account.profile} is in account {found}, not in {account.id}{swapped}",
                code="wrong_account",
                where=f"tfdriver.yaml: accounts.{account.name}",
                hint="Correct the profile or the id",
            )
    return callers
