"""The accounts of a spec: regions known, no id twice, no names that clash as folders."""

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
    for key, shape in shapes.items():
        profile = shape.profile or key
        region = _region(key, shape, profile, regions, profile_region, problems)
        if region:
            found[key] = Account(key, shape.id, profile, region, regions[region])
    _refuse_same_id(shapes, problems)
    return found


def _region(
    key: str,
    shape: AccountShape,
    profile: str,
    regions: Mapping[str, str],
    profile_region: ProfileRegion,
    problems: Problems,
) -> str | None:
    path = ("accounts", key)
    if "region" in shape.model_fields_set:
        return shape.region if problems.check((*path, "region"), names.region(shape.region, regions)) else None
    region = profile_region(profile)
    if not region:
        what = f"has no region, and profile {profile} sets none"
        problems.add(path, what, f"Add `region:`, or run `aws configure set region us-west-2 --profile {profile}`")
        return None
    if reason := names.region(region, regions):
        problems.add(path, f"profile {profile}: {reason.what}", reason.cure or "Add `region:` here")
        return None
    return region


def _refuse_same_id(shapes: Mapping[str, AccountShape], problems: Problems) -> None:
    seen: dict[str, str] = {}
    for key, shape in shapes.items():
        if shape.id in seen:
            what = f"account id {shape.id} is that of {seen[shape.id]} too"
            problems.add(("accounts", key, "id"), what, "Two keys mean two accounts: correct one, or use one key")
        seen.setdefault(shape.id, key)
