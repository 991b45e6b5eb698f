"""Who trusts whom in a spec: each reference leads to a role, and each role is on one side. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfdriver.spec import names
from tfdriver.spec.compositions import Side
from tfdriver.spec.model import Account
from tfdriver.spec.problems import Problems
from tfdriver.spec.shape import RoleShape
from tfdriver.spec.words import named, nearest, shown

_TRUSTING_ONLY = ("external_id", "guard", "open_for")


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
            _check_reference((*path, "trusts", index), key, trusted, roles, accounts, problems)
        if key not in side:
            problems.add(path, "trusts no role, and no role trusts it", "Add `trusts:`, or name it in another's")
        for option in _TRUSTING_ONLY:
            if option in role.model_fields_set and not role.trusts:
                what = f"{option} is for trusting roles, and {named(key)} has no `trusts:`"
                problems.add((*path, option), what, "Put it on the role that is trusted with it")
        if "open_for" in role.model_fields_set and not role.guard:
            hint = "Take it away, or take `guard: false` away"
            problems.add((*path, "open_for"), "open_for is part of the guard, which is off", hint)
    _refuse_both_sides(roles, problems)


def _check_reference(
    path: tuple[str | int, ...],
    key: str,
    trusted: str,
    roles: Mapping[str, RoleShape],
    accounts: Mapping[str, Account],
    problems: Problems,
) -> None:
    if trusted not in roles:
        problems.add(path, *_no_role(trusted, key, roles, accounts))
    elif trusted == key:
        problems.add(path, "a role cannot trust itself", "Name another role")
    elif trusted in roles[key].trusts[: path[-1] if isinstance(path[-1], int) else 0]:
        problems.add(path, f"{trusted} is named twice", "Keep it once")
    else:
        here, there = accounts.get(roles[key].account), accounts.get(roles[trusted].account)
        if here and there and here.partition != there.partition:
            what = f"{key} is in partition {here.partition}, {trusted} in {there.partition}"
            problems.add(path, what, "No trust crosses partitions: use regions of one")


def _no_role(
    trusted: str, key: str, roles: Mapping[str, RoleShape], accounts: Mapping[str, Account]
) -> tuple[str, str]:
    others = [name for name in roles if name != key]
    if "*" in trusted:
        return f"{shown(trusted)} is a wildcard", f"Name each role. {nearest('', others)}"
    if trusted.lower().startswith("arn:") or trusted.startswith("AROA"):
        partitions = {account.partition for account in accounts.values()}
        reason = names.role_arn(trusted, partitions, {a.id: a.partition for a in accounts.values()})
        what = reason.what if reason else f"{shown(trusted)} is the ARN of a role"
        cure = nearest(trusted.rpartition("/")[2], others)
        return what, f"`trusts:` takes keys of `roles:`, not ARNs. {cure}"
    return f"there is no role {shown(trusted)}", nearest(trusted, others) or "Add it under `roles:`"


def _refuse_both_sides(roles: Mapping[str, RoleShape], problems: Problems) -> None:
    for key, role in roles.items():
        for index, trusted in enumerate(role.trusts):
            if trusted == key or trusted not in roles or not roles[trusted].trusts:
                continue
            path = ("roles", key, "trusts", index)
            if circle := _circle(roles, key, trusted):
                what = f"a circle: {' trusts '.join(circle)}"
                problems.add(path, what, "Take one `trusts:` away")
            else:
                what = f"{trusted} trusts {', '.join(roles[trusted].trusts)}, so {key} cannot trust it"
                problems.add(path, what, "A role is trusting or trusted, not both: make two roles of it")


def _circle(roles: Mapping[str, RoleShape], start: str, first: str) -> Sequence[str]:
    """Return the roles from `start` over `first` back to `start`, or () if no way leads back."""
    ways, seen = [[start, first]], {first}
    while ways:
        way = ways.pop()
        for following in roles[way[-1]].trusts:
            if following == start:
                return [*way, start]
            if following in roles and following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return ()
