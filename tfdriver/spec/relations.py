"""Checks who trusts whom in a spec. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfdriver.spec import names
from tfdriver.spec.compositions import Side
from tfdriver.spec.fields import RoleShape
from tfdriver.spec.message_text import named, nearest, quoted
from tfdriver.spec.model import Account
from tfdriver.spec.names import Reason
from tfdriver.spec.problems import Problems
from tfdriver.spec.trust_fields import condition_problems, statement_problem

_TRUSTING_ONLY = (
    "external_id",
    "conditions",
    "session_tags",
    "source_identity",
    "trust_statements",
    "guard",
    "open_for",
)


def sides(roles: Mapping[str, RoleShape]) -> dict[str, Side]:
    """Return the side of each role that trusts or is trusted. A role on both sides counts as trusting."""
    trusted = {key: Side.TRUSTED for role in roles.values() for key in role.trusts if key in roles}
    return trusted | {key: Side.TRUSTING for key, role in roles.items() if role.trusts}


def check_relations(roles: Mapping[str, RoleShape], accounts: Mapping[str, Account], problems: Problems) -> None:
    """Add mistakes in `trusts:`, and in options for trusting roles only, to `problems`.

    accounts: the valid accounts, by key.
    """
    side = sides(roles)
    for key, role in roles.items():
        path = ("roles", key)
        for index, trusted in enumerate(role.trusts):
            if reason := _reference_problem(key, trusted, index, roles, accounts):
                problems.add((*path, "trusts", index), *reason)
        if key not in side:
            hint = "Add `trusts:`, or name this role in another `trusts:`"
            problems.add(path, "trusts no role, and no role trusts it", hint)
        for place, reason in condition_problems(role.conditions):
            problems.add((*path, "conditions", *place), *reason)
        for index, statement in enumerate(role.trust_statements):
            if reason := statement_problem(statement):
                problems.add((*path, "trust_statements", index), *reason)
        for option in _TRUSTING_ONLY:
            if option in role.model_fields_set and not role.trusts:
                what = f"{option} is for trusting roles, and {named(key)} has no `trusts:`"
                problems.add((*path, option), what, "Set it on the trusting role")
        if "open_for" in role.model_fields_set and not role.guard:
            what = "open_for is part of the guard, and `guard: false` turns the guard off"
            problems.add((*path, "open_for"), what, "Remove `open_for:` or `guard: false`")


def _reference_problem(
    key: str, trusted: str, index: int, roles: Mapping[str, RoleShape], accounts: Mapping[str, Account]
) -> Reason | None:
    """Check `trusted`, the item number `index` in the `trusts:` of role `key`."""
    if trusted not in roles:
        return _unknown_role(trusted, [name for name in roles if name != key], accounts)
    if trusted == key:
        return Reason("a role cannot trust itself", "Name another role")
    if trusted in roles[key].trusts[:index]:
        return Reason(f"{trusted} is named twice", "Name it once")
    here, there = accounts.get(roles[key].account), accounts.get(roles[trusted].account)
    if here and there and here.partition != there.partition:
        what = f"{key} is in partition {here.partition}, {trusted} in {there.partition}"
        return Reason(what, "A trust policy cannot cross partitions: use regions of one partition")
    if cycle := _cycle(roles, key, trusted):
        return Reason(f"circular trust: {' trusts '.join(cycle)}", "Remove one of these `trusts:`")
    if others := roles[trusted].trusts:
        what = f"{trusted} trusts {', '.join(others)}, so {key} cannot trust it"
        return Reason(what, f"Split {trusted} into two roles: a role is trusting or trusted, not both")
    return None


def _unknown_role(trusted: str, others: Sequence[str], accounts: Mapping[str, Account]) -> Reason:
    if "*" in trusted:
        return Reason(f"{quoted(trusted)} is a wildcard", f"Name each role. {nearest('', others)}")
    if trusted.lower().startswith("arn:") or trusted.startswith("AROA"):
        partitions = {account.id: account.partition for account in accounts.values()}
        reason = names.role_arn(trusted, set(partitions.values()), partitions)
        what = reason.what if reason else f"{quoted(trusted)} is the ARN of a role"
        suggestion = nearest(trusted.rpartition("/")[2], others)
        return Reason(what, f"Write keys of `roles:` in `trusts:`, not ARNs. {suggestion}")
    return Reason(f"there is no role {quoted(trusted)}", nearest(trusted, others) or "Add it under `roles:`")


def _cycle(roles: Mapping[str, RoleShape], start: str, first: str) -> Sequence[str]:
    """Return the roles from `start` through `first` back to `start`, or () if there is no such cycle."""
    paths = {first: [start, first]}
    queue = [first]
    while queue:
        path = paths[queue.pop()]
        for trusted in roles[path[-1]].trusts:
            if trusted == start:
                return [*path, start]
            if trusted in roles and trusted not in paths:
                paths[trusted] = [*path, trusted]
                queue.append(trusted)
    return ()
