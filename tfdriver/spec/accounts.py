"""Checks the accounts of a spec, fills in their profiles and regions, and finds the accounts of each role."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from tfdriver.spec import names
from tfdriver.spec.fields import AccountShape, RoleShape
from tfdriver.spec.message_text import nearest, quoted
from tfdriver.spec.model import Account
from tfdriver.spec.problems import Problems
from tfdriver.spec.yaml_reader import Path

ProfileRegion = Callable[[str], str | None]


def resolve_accounts(
    shapes: Mapping[str, AccountShape], regions: Mapping[str, str], profile_region: ProfileRegion, problems: Problems
) -> dict[str, Account]:
    """Return the accounts with a valid region, by key. Add each mistake to `problems`.

    regions: partition by region; profile_region: returns the region that a profile sets, or None.
    """
    accounts: dict[str, Account] = {}
    keys: dict[tuple[str, str], str] = {}
    owners: dict[str, tuple[str, str]] = {}
    for key, shape in shapes.items():
        path, profile = ("accounts", key), shape.profile or key
        other, owner = owners.setdefault(shape.id, (key, shape.owner))
        if owner != shape.owner:
            what = f"account id {shape.id} is also the id of {other}, which has another owner"
            problems.add(path, what, "Write the same `owner:` on both")
        has_region = "region" in shape.model_fields_set
        region = shape.region if has_region else profile_region(profile) or ""
        if not region and not has_region:
            hint = f"Add `region:`, or run `aws configure set region us-west-2 --profile {profile}`"
            problems.add(path, f"has no region, and profile {profile} does not set one", hint)
        elif (same := keys.setdefault((shape.id, region), key)) != key:
            what = f"account id {shape.id} is also the id of {same}, in the same region"
            problems.add((*path, "id"), what, "Correct one of the ids or regions, or use one key for the account")
        elif not (reason := names.region(region, regions)):
            partition = regions.get(region) or names.partition(region)
            accounts[key] = Account(
                name=key, id=shape.id, profile=profile, region=region, partition=partition, owner=shape.owner
            )
        elif has_region:
            problems.add((*path, "region"), *reason)
        else:
            problems.add(path, f"profile {profile}: {reason.what}", reason.hint)
    return accounts


def role_accounts(
    roles: Mapping[str, RoleShape], accounts: Collection[str], problems: Problems
) -> dict[str, tuple[str, ...]]:
    """Return the keys of each role's accounts, by the role's key. Add each mistake to `problems`.

    accounts: all keys under `accounts:`, in order. A pattern stands for the accounts that it matches, in this order.
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, role in roles.items():
        path: Path = ("roles", key)
        if role.account and role.accounts:
            problems.add((*path, "accounts"), "account and accounts exclude each other", "Keep one of them")
        elif not role.account and not role.accounts:
            problems.add((*path, "account"), "account is missing", "Add `account:` or `accounts:`")
        elif role.account and role.account not in accounts:
            what = f"there is no account {quoted(role.account)}"
            problems.add((*path, "account"), what, nearest(role.account, accounts))
        matching = _matching((*path, "accounts"), role.accounts, accounts, problems)
        found[key] = (role.account,) if role.account else tuple(dict.fromkeys(matching))
    return found


def _matching(path: Path, wanted: str | list[str], accounts: Collection[str], problems: Problems) -> Iterator[str]:
    items = wanted if isinstance(wanted, list) else [wanted]
    for index, item in enumerate(items):
        place = (*path, index) if isinstance(wanted, list) else path
        matching = [name for name in accounts if fnmatchcase(name, item)]
        if not matching:
            problems.add(place, f"there is no account {quoted(item)}", nearest(item, accounts))
        elif item in items[:index]:
            problems.add(place, f"{item} is named twice", "Name it once")
        yield from matching
