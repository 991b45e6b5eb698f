"""Checks the accounts of a spec and fills in their profiles and regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tfdriver.spec import names
from tfdriver.spec.fields import AccountShape
from tfdriver.spec.model import Account
from tfdriver.spec.problems import Problems

ProfileRegion = Callable[[str], str | None]


def resolve_accounts(
    shapes: Mapping[str, AccountShape], regions: Mapping[str, str], profile_region: ProfileRegion, problems: Problems
) -> dict[str, Account]:
    """Return the accounts with a valid region, by key. Add each mistake to `problems`.

    regions: partition by region; profile_region: returns the region that a profile sets, or None.
    """
    accounts: dict[str, Account] = {}
    owners: dict[tuple[str, str], str] = {}
    for key, shape in shapes.items():
        path, profile = ("accounts", key), shape.profile or key
        has_region = "region" in shape.model_fields_set
        region = shape.region if has_region else profile_region(profile) or ""
        if not region and not has_region:
            hint = f"Add `region:`, or run `aws configure set region us-west-2 --profile {profile}`"
            problems.add(path, f"has no region, and profile {profile} does not set one", hint)
        elif (owner := owners.setdefault((shape.id, region), key)) != key:
            what = f"account id {shape.id} is also the id of {owner}, in the same region"
            problems.add((*path, "id"), what, "Correct one of the ids or regions, or use one key for the account")
        elif not (reason := names.region(region, regions)):
            partition = regions.get(region) or names.partition(region)
            accounts[key] = Account(name=key, id=shape.id, profile=profile, region=region, partition=partition)
        elif has_region:
            problems.add((*path, "region"), *reason)
        else:
            problems.add(path, f"profile {profile}: {reason.what}", reason.hint)
    return accounts
