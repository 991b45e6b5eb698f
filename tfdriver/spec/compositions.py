"""The compositions of a spec and the values of their variables. Pure; no I/O.

A composition is one Terraform root with one state: all roles of one account on one side of the relation. A role that
trusts and is trusted is on the trusting side. The `.tf` files depend on the spec alone. Only the values in
`terraform.tfvars.json` change between the phases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tfdriver.spec.model import Account, Role, Spec
from tfdriver.spec.state_backend import StateBackend, state_backend

# The variable that adds the policies of `tfdriver tighten --revoke-sessions`.
REVOKE = "revoke_sessions_before"


class Side(StrEnum):
    """The side of the relation that a composition is on."""

    TRUSTING = "trusting"
    TRUSTED = "trusted"


@dataclass(frozen=True)
class Composition:
    """One Terraform root. name: its folder below `compositions/`; roles: one or more, all in `account`.

    state: the backend that `state:` in the spec sets, None without one.
    also_trusted: keys of the roles of a trusting composition that are trusted, too.
    """

    name: str
    project: str
    account: Account
    side: Side
    roles: tuple[Role, ...]
    state: StateBackend | None = None
    also_trusted: frozenset[str] = frozenset()

    @property
    def trusted(self) -> tuple[Role, ...]:
        """Its trusted roles."""
        return tuple(r for r in self.roles if self.side is Side.TRUSTED or r.key in self.also_trusted)


def compositions(spec: Spec) -> tuple[Composition, ...]:
    """Return the compositions of a spec: trusting ones first, each side in the order of `accounts:`.

    A composition is named after its account; an account on both sides gets `NAME_trusting` and `NAME_trusted`.
    """
    trusted = _by_account(role for role in spec.trusted if not role.is_trusting)
    trusted_keys = {role.key for role in spec.trusted}
    by_side = {Side.TRUSTING: _by_account(spec.trusting), Side.TRUSTED: trusted}
    on_both_sides = by_side[Side.TRUSTING].keys() & by_side[Side.TRUSTED].keys()
    found = []
    for side, roles in by_side.items():
        for account in spec.accounts.values():
            if own := roles.get(account.name):
                name = f"{account.name}_{side}" if account.name in on_both_sides else account.name
                state = state_backend(spec.state, spec.project, name, account) if spec.state else None
                also_trusted = frozenset(r.key for r in own if side is Side.TRUSTING and r.key in trusted_keys)
                found.append(Composition(name, spec.project, account, side, tuple(own), state, also_trusted))
    return tuple(found)


def _by_account(roles: Iterable[Role]) -> dict[str, list[Role]]:
    found: dict[str, list[Role]] = {}
    for role in roles:
        found.setdefault(role.account.name, []).append(role)
    return found


def owner_tags(composition: Composition) -> dict[str, str]:
    """Return the tags that mark every resource of a composition as managed by this project."""
    return {"tfdriver:project": composition.project, "tfdriver:composition": composition.name}


def values(
    spec: Spec,
    composition: Composition,
    trust_policies: Mapping[str, Mapping[str, Any]],
    revoke_before: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the tfvars of a composition, in which roles have their `label`.

    trust_policies: the trust policy documents to apply, by role key; for trusting compositions. revoke_before: the UTC
    time before which sessions are revoked, by role key, may contain roles of other compositions. Without times, the
    variable is left out.
    """
    account = composition.account
    found: dict[str, Any] = {
        "profile": account.profile,
        "region": account.region,
        "account_id": account.id,
        "tags": owner_tags(composition),
        "roles": {
            role.label: {"name": role.name, "path": role.path, "variables": dict(role.variables)}
            for role in composition.roles
        },
    }
    if composition.side is Side.TRUSTING:
        found["trust_policies"] = {role.label: trust_policies[role.key] for role in composition.roles}
    if composition.trusted:
        found["roles_to_assume"] = {role.label: roles_to_assume(spec, role) for role in composition.trusted}
    before = revoke_before or {}
    if times := {role.label: before[role.key] for role in composition.roles if role.key in before}:
        found[REVOKE] = times
    return found


def roles_to_assume(spec: Spec, trusted: Role) -> list[dict[str, Any]]:
    """Return the variable `roles_to_assume` of a trusted role's module: one object for each role it may assume.

    `role` is the key of a trusting role, or the ARN of a role that exists elsewhere.
    `variables` has the scalar variables of the trusting role as strings, so that the process can find the resource (a
    table's name) without a second copy of the name in the spec.
    """
    return [
        {
            "role": role.key,
            "arn": role.arn,
            "external_id": role.external_id,
            "region": role.account.region,
            "variables": {
                k: str(v).lower() if isinstance(v, bool) else str(v)
                for k, v in role.variables.items()
                if isinstance(v, str | int | float)
            },
        }
        for role in spec.trusting_of(trusted)
    ] + [
        {
            "role": assumed.arn,
            "arn": assumed.arn,
            "external_id": assumed.external_id,
            "region": trusted.account.region,
            "variables": {},
        }
        for assumed in trusted.assumes
    ]
