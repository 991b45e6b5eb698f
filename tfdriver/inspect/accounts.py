"""Entries of `accounts:` for the accounts of an organization."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tfdriver.aws.calls import Calls
from tfdriver.aws.organization import MemberAccount, member_accounts
from tfdriver.errors import TfdriverError
from tfdriver.spec import names
from tfdriver.spec.model import Account
from tfdriver.spec.placeholders import filled, placeholder_problem

PATTERN_NAMES = ("name", "id")


@dataclass(frozen=True)
class AccountEntry:
    """An entry of `accounts:`. name: in AWS; key: made from it; profile, region: '' if they are left out."""

    key: str
    id: str
    name: str
    profile: str
    region: str


@dataclass(frozen=True)
class OrganizationAccounts:
    """The accounts of an organization. entries: of active accounts, by key; left_out: the others, by name."""

    entries: tuple[AccountEntry, ...]
    left_out: tuple[MemberAccount, ...]


def organization_accounts(aws: Calls, caller: Account, profile_pattern: str, region: str) -> OrganizationAccounts:
    """Return the entries for the accounts of the organization of `caller`.

    profile_pattern: with `{name}` and `{id}`, '' to leave the profiles out; region: of all entries, '' to leave it out.
    Raises TfdriverError, before any call if the pattern or the region is invalid.
    """
    for option, reason in (
        ("--profile-pattern", placeholder_problem(profile_pattern, PATTERN_NAMES)),
        ("--region", names.region(region, ()) if region else None),
    ):
        if reason:
            raise TfdriverError(reason.what, code="bad_usage", where=option, hint=reason.hint)
    found = sorted(member_accounts(aws, caller), key=lambda account: (account.name, account.id))
    active = [one for one in found if one.state == "ACTIVE"]
    keys = account_keys(active)
    entries = [
        AccountEntry(key=keys[one.id], id=one.id, name=one.name, profile=_profile(profile_pattern, one), region=region)
        for one in active
    ]
    left_out = tuple(one for one in found if one not in active)
    return OrganizationAccounts(tuple(sorted(entries, key=lambda entry: entry.key)), left_out)


def account_keys(accounts: Iterable[MemberAccount]) -> dict[str, str]:
    """Return the key of each account by its id: its name in lower case, with `_` for what a key cannot have.

    The keys of accounts with the same name, or with none, end with the account's id.
    """
    short = {one.id: re.sub(r"[^a-z0-9-]+", "_", one.name.lower()).strip("_-")[:50] for one in accounts}
    long = {number: f"{key or 'account'}_{number}" for number, key in short.items()}
    used = Counter([*short.values(), *long.values()])
    return {number: key if key and used[key] == 1 else long[number] for number, key in short.items()}


def _profile(pattern: str, account: MemberAccount) -> str:
    profile = str(filled(pattern, {"name": account.name, "id": account.id}))
    if profile and (reason := names.profile(profile)):
        raise TfdriverError(
            reason.what, code="bad_usage", where=f"account {account.id}", hint="Use {id} in the pattern"
        )
    return profile
