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


def sides(roles: Mapping[str, RoleShape]) -> dict[str, frozenset[Side]]:
    """Return the sides that each role is on, by key: none, one or both."""
    trusted = {key for own, role in roles.items() for key in role.trusts if key != own}
    found = {key: {Side.TRUSTING: bool(role.trusts), Side.TRUSTED: key in trusted} for key, role in roles.items()}
    return {key: frozenset(side for side, is_on in of_role.items() if is_on) for key, of_role in found.items()}


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
        if not side[key]:
            hint = "Add `trusts:`, or name this role in another `trusts:`"
            problems.add(path, "trusts no role, and no role trusts it", hint)
        for place, reason in condition_problems(role.conditions):
            problems.add((*path, "conditions", *place), *reason)
        for index, statement in enumerate(role.trust_statements):
            if reason := statement_problem(statement, existing=role.existing):
                problems.add((*path, "trust_statements", index), *reason)
        for option in _TRUSTING_ONLY:
            kept = role.existing and option == "trust_statements"  # `tfdriver adopt` prints them for every role
            if option in role.model_fields_set and not role.trusts and not kept:
                what = f"{option} is for trusting roles, and {named(key)} has no `trusts:`"
                problems.add((*path, option), what, "Set it on the trusting role")
        if role.existing:
            _check_existing(path, role, problems)
        if "open_for" in role.model_fields_set and not role.guard:
            what = "open_for is part of the guard, and `guard: false` turns the guard off"
            problems.add((*path, "open_for"), what, "Remove `open_for:` or `guard: false`")


def _check_existing(path: tuple[str, str], role: RoleShape, problems: Problems) -> None:
    """Check an existing role: it has no module, its trust is never broad, and its own statements are kept."""
    for option in ("module", "version", "variables"):
        if option in role.model_fields_set:
            what = f"{option} is for roles that tfdriver creates, and `existing: true` is for one that exists"
            problems.add((*path, option), what, f"Remove `{option}:` or `existing: true`")
    for option in ("guard", "open_for"):
        if option in role.model_fields_set:
            what = f"{option} is for a broad trust, and the trust of an existing role is never broad"
            problems.add((*path, option), what, "Remove it")
    if role.trusts and not role.trust_statements:
        what = "an existing trusting role has statements of its own, which tfdriver keeps"
        hint = f"Add the lines that `tfdriver adopt {named(role.account)} ROLE` prints"
        problems.add(path, what, hint)


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
