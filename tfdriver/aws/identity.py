"""Checks that each profile is in the account that the spec says, with `sts:GetCallerIdentity`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from tfdriver.aws.calls import Caller
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.spec.model import Account, Spec


class IdentityReader(Protocol):
    """Reads the identity of a profile. Implemented by `client.Aws`."""

    def caller(self, account: Account) -> Caller:
        """Return the identity of the account's profile."""


def used_accounts(spec: Spec) -> list[Account]:
    """Return the accounts that have a role, in the order of the spec."""
    used = {role.account.name for role in spec.roles.values()}
    return [account for account in spec.accounts.values() if account.name in used]


def check_identities(
    spec: Spec, aws: IdentityReader, accounts: Iterable[Account] | None = None
) -> Mapping[str, Caller]:
    """Return the identity of each profile by account name, for `accounts` or for all that have a role.

    Raises TfdriverError for a profile that is in another account than the spec says, and for profiles that do not
    exist.
    """
    accounts = used_accounts(spec) if accounts is None else list(accounts)

    def caller(account: Account) -> Caller | TfdriverError:
        try:
            return aws.caller(account)
        except TfdriverError as error:
            if error.code == "profile_not_found":
                return error
            raise

    found_callers = dict(zip([a.name for a in accounts], side_by_side(caller, accounts), strict=True))
    callers = {name: found for name, found in found_callers.items() if not isinstance(found, TfdriverError)}
    _refuse_missing({name: found for name, found in found_callers.items() if isinstance(found, TfdriverError)}, callers)
    for account in accounts:
        found = callers[account.name].account_id
        if found != account.id:
            other = next((a for a in used_accounts(spec) if a.id == found), None)
            swapped = f", which is {other.name}: are the profiles swapped?" if other else ""
            what = f"profile {account.profile} is in account {found}, not in {account.id}{swapped}"
            where = f"tfdriver.yaml: accounts.{account.name}"
            raise TfdriverError(what, code="wrong_account", where=where, hint="Correct the profile or the id")
    return callers


def _refuse_missing(missing: Mapping[str, TfdriverError], found: Iterable[str]) -> None:
    """Raise TfdriverError for profiles that do not exist. missing: by account name; found: the other accounts' names.

    If others exist, another team may be responsible for the accounts without a profile.
    """
    for error in missing.values():
        only = " ".join(f"--only {name}" for name in found)
        if not only:
            raise error
        where = ", ".join(other.where for other in missing.values())
        what = error.what if len(missing) == 1 else "the AWS profiles do not exist"
        hint = f"Add `{only}` to the command if another team runs it for {' and '.join(missing)}. Or: {error.hint}"
        raise TfdriverError(what, code=error.code, where=where, hint=hint)
