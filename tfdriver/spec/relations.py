"""Who trusts whom in a spec: each reference leads to a role, and each role is on one side. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfdriver.spec import names
from tfdriver.spec.compositions import Side
from tfdriver.spec.model import Account
from tfdriver.spec.names import Reason
from tfdriver.spec.problems import Problems
from tfdriver.spec.shape import RoleShape
from tfdriver.spec.words import named, nearest, shown


def sides(roles: Mapping[str, RoleShape]) -> dict[str, Side]:
    """Return the side of each role that is on one; of a role on both, the trusting one."""
    trusted = {key: Side.TRUSTED for role in roles.values() for key in role.trusts if key in roles}
    return trusted | {key: Side.TRUSTING for key, role in roles.items() if role.trusts}


def check_relations(roles: Mapping[str, RoleShape], accounts: Mapping[str, Account], problems: Problems) -> None:
    """Note what is wrong with `trusts:` and with what only a trusting role may say.

    accounts: those that were resolved, by key.
    """
    side = sides(roles)
    for key, role in roles.items():
        path = ("roles", key)
        for index, trusted in enumerate(role.trusts):
            if reason := _reference(key, trusted, index, roles, accounts):
                problems.add((*path, "trusts", index), *reason)
        if key not in side:
            problems.add(path, "trusts no role, and no role trusts it", "Add `trusts:`, or name it in another's")
        for option in ("external_id", "guard", "open_for"):
            if option in role.model_fields_set and not role.trusts:
                what = f"{option} is for trusting roles, and {named(key)} has no `trusts:`"
                problems.add((*path, option), what, "Put it on the role that is trusted with it")
        if "open_for" in role.model_fields_set and not role.guard:
            hint = "Take it away, or take `guard: false` away"
            problems.add((*path, "open_for"), "open_for is part of the guard, which is off", hint)


def _reference(
    key: str, trusted: str, index: int, roles: Mapping[str, RoleShape], accounts: Mapping[str, Account]
) -> Reason | None:
    """Check the item `trusted` of the `trusts:` of role `key`."""
    if trusted not in roles:
        return _no_role(trusted, [name for name in roles if name != key], accounts)
    if trusted == key:
        return Reason("a role cannot trust itself", "Name another role")
    if trusted in roles[key].trusts[:index]:
        return Reason(f"{trusted} is named twice", "Keep it once")
    here, there = accounts.get(roles[key].account), accounts.get(roles[trusted].account)
    if here and there and here.partition != there.partition:
        what = f"{key} is in partition {here.partition}, {trusted} in {there.partition}"
        return Reason(what, "No trust crosses partitions: use regions of one")
    if circle := _circle(roles, key, trusted):
        return Reason(f"a circle: {' trusts '.join(circle)}", "Take one `trusts:` away")
    if others := roles[trusted].trusts:
        what = f"{trusted} trusts {', '.join(others)}, so {key} cannot trust it"
        return Reason(what, "A role is trusting or trusted, not both: make two roles of it")
    return None


def _no_role(trusted: str, others: Sequence[str], accounts: Mapping[str, Account]) -> Reason:
    if "*" in trusted:
        return Reason(f"{shown(trusted)} is a wildcard", f"Name each role. {nearest('', others)}")
    if trusted.lower().startswith("arn:") or trusted.startswith("AROA"):
        partitions = {account.id: account.partition for account in accounts.values()}
        reason = names.role_arn(trusted, set(partitions.values()), partitions)
        what = reason.what if reason else f"{shown(trusted)} is the ARN of a role"
        cure = nearest(trusted.rpartition("/")[2], others)
        return Reason(what, f"`trusts:` takes keys of `roles:`, not ARNs. {cure}")
    return Reason(f"there is no role {shown(trusted)}", nearest(trusted, others) or "Add it under `roles:`")


def _circle(roles: Mapping[str, RoleShape], start: str, first: str) -> Sequence[str]:
    """Return the roles from `start` over `first` back to `start`, or () if no way leads back."""
    ways = {first: [start, first]}
    queue = [first]
    while queue:
        way = ways[queue.pop()]
        for following in roles[way[-1]].trusts:
            if following == start:
                return [*way, start]
            if following in roles and following not in ways:
                ways[following] = [*way, following]
                queue.append(following)
    return ()
