"""Checks who trusts whom in a spec. Pure; no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tfdriver.spec import names
from tfdriver.spec.compositions import Side
from tfdriver.spec.fields import GENERATE, RoleShape
from tfdriver.spec.message_text import named, nearest, quoted
from tfdriver.spec.model import Account
from tfdriver.spec.names import Reason
from tfdriver.spec.placeholders import filled
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
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")


def sides(roles: Mapping[str, RoleShape]) -> dict[str, frozenset[Side]]:
    """Return the sides that each role is on, by key: none, one or both."""
    trusted = {key for own, role in roles.items() for key in role.trusts if key != own}

    def of_role(key: str, role: RoleShape) -> Iterator[Side]:
        if role.trusts:
            yield Side.TRUSTING
        if key in trusted or role.assumes:
            yield Side.TRUSTED

    return {key: frozenset(of_role(key, role)) for key, role in roles.items()}


def check_relations(
    roles: Mapping[str, RoleShape], accounts: Mapping[str, Sequence[Account]], problems: Problems
) -> None:
    """Add mistakes in `trusts:`, and in options for trusting roles only, to `problems`.

    accounts: the valid accounts of each role, by its key.
    """
    side = sides(roles)
    for key, role in roles.items():
        path = ("roles", key)
        for index, trusted in enumerate(role.trusts):
            if reason := _reference_problem(key, trusted, index, roles, accounts):
                problems.add((*path, "trusts", index), *reason)
        for index, assumed in enumerate(role.assumes):
            if reason := _assumed_problem(key, index, roles, accounts):
                problems.add((*path, "assumes", index), *reason)
            elif assumed.external_id == GENERATE:
                what = "the owner of that role chooses its external id"
                problems.add((*path, "assumes", index, "external_id"), what, "Write the value that the owner gave you")
        if not side[key]:
            hint = "Add `trusts:` or `assumes:`, or name this role in another `trusts:`"
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
        hint = f"Add the lines that `tfdriver adopt {named(role.account or 'ACCOUNT')} ROLE` prints"
        problems.add(path, what, hint)


def _reference_problem(
    key: str, trusted: str, index: int, roles: Mapping[str, RoleShape], accounts: Mapping[str, Sequence[Account]]
) -> Reason | None:
    """Check `trusted`, the item number `index` in the `trusts:` of role `key`."""
    if trusted.startswith("arn:"):
        if reason := _principal_problem(trusted, accounts[key]):
            return reason
        if own := _role_of(trusted, roles, accounts):
            return Reason(f"{quoted(trusted)} is role {own} of this file", f"Write its key, {named(own)}")
    elif trusted not in roles:
        return _unknown_role(trusted, [name for name in roles if name != key])
    if trusted == key:
        return Reason("a role cannot trust itself", "Name another role")
    if trusted in roles[key].trusts[:index]:
        return Reason(f"{trusted} is named twice", "Name it once")
    here = sorted({account.partition for account in accounts[key]})
    there = sorted({account.partition for account in accounts.get(trusted, ())})
    if here and there and len({*here, *there}) > 1:
        what = f"{key} is in partition {' and '.join(here)}, {trusted} in {' and '.join(there)}"
        return Reason(what, "A trust policy cannot cross partitions: use regions of one partition")
    return None


def _principal_problem(arn: str, accounts: Iterable[Account], *, users: bool = True) -> Reason | None:
    """Check an ARN that a role in these accounts names."""
    partitions = dict.fromkeys(account.partition for account in accounts)
    return next(filter(None, (names.principal_arn(arn, one, users=users) for one in partitions)), None)


def _assumed_problem(
    key: str, index: int, roles: Mapping[str, RoleShape], accounts: Mapping[str, Sequence[Account]]
) -> Reason | None:
    """Check the item number `index` in the `assumes:` of role `key`."""
    arns = [one.arn for one in roles[key].assumes]
    arn = arns[index]
    if reason := _principal_problem(arn, accounts[key], users=False):
        return reason
    if own := _role_of(arn, roles, accounts):
        return Reason(f"{quoted(arn)} is role {own} of this file", f"Add {named(key)} to the `trusts:` of {named(own)}")
    return Reason(f"{arn} is named twice", "Name it once") if arn in arns[:index] else None


def _role_of(arn: str, roles: Mapping[str, RoleShape], accounts: Mapping[str, Sequence[Account]]) -> str:
    """Return the key of the role of the spec that has an ARN, or ''."""
    for key, role in roles.items():
        for account in accounts[key]:
            resource = f"role{role.path}{role.name or key}"
            if role.accounts:
                resource = filled(resource, account.placeholders)
            if arn == f"arn:{account.partition}:iam::{account.id}:{resource}":
                return key
    return ""


def _unknown_role(trusted: str, others: Sequence[str]) -> Reason:
    if _SERVICE.fullmatch(trusted):
        statement = f"{{Effect: Allow, Principal: {{Service: {trusted}}}, Action: sts:AssumeRole}}"
        return Reason(f"{trusted} is a service", f"Add it to `trust_statements:`, e.g. - {statement}")
    if "*" in trusted:
        return Reason(f"{quoted(trusted)} is a wildcard", f"Name each role. {nearest('', others)}")
    if trusted.lower().startswith("arn:") or trusted.startswith(("AROA", "AIDA")):
        what = f"{quoted(trusted)} is not the ARN of an IAM role or user"
        return Reason(
            what, f"Write a key of `roles:`, or an ARN as IAM prints it. {nearest(trusted.rpartition('/')[2], others)}"
        )
    return Reason(f"there is no role {quoted(trusted)}", nearest(trusted, others) or "Add it under `roles:`")
