"""The accounts of a spec: regions known, no id twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tfdriver.spec import names
from tfdriver.spec.model import Account
from tfdriver.spec.problems import Problems
from tfdriver.spec.shape import AccountShape

ProfileRegion = Callable[[str], str | None]


def resolve_accounts(
    shapes: Mapping[str, AccountShape], regions: Mapping[str, str], profile_region: ProfileRegion, problems: Problems
) -> dict[str, Account]:
    """Return the accounts whose region is good, by key, and note what is wrong with them all.

    regions: partition by region; profile_region: the region that a profile sets, or None.
    """
    found: dict[str, Account] = {}
    owners: dict[str, str] = {}
    for key, shape in shapes.items():
        path, profile = ("accounts", key), shape.profile or key
        owner = owners.setdefault(shape.id, key)
        if owner != key:
            what = f"account id {shape.id} is that of {owner} too"
            problems.add((*path, "id"), what, "Two keys mean two accounts: correct one, or use one key")
        given = "region" in shape.model_fields_set
        region = shape.region if given else profile_region(profile) or ""
        if not region and not given:
            hint = f"Add `region:`, or run `aws configure set region us-west-2 --profile {profile}`"
            problems.add(path, f"has no region, and profile {profile} sets none", hint)
        elif not (reason := names.region(region, regions)):
            found[key] = Account(key, shape.id, profile, region, regions[region])
        elif given:
            problems.add((*path, "region"), *reason)
        else:
            problems.add(path, f"profile {profile}: {reason.what}", reason.cure)
    return found
