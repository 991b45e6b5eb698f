"""The compositions of a spec and the values of their variables. Pure; no I/O.

A composition is one Terraform root with one state: all roles of one account on one side of the relation. Its `.tf`
files depend on the spec alone. Only the values in `terraform.tfvars.json` change between the phases.
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
    """

    name: str
    project: str
    account: Account
    side: Side
    roles: tuple[Role, ...]
    state: StateBackend | None = None


def compositions(spec: Spec) -> tuple[Composition, ...]:
    """Return the compositions of a spec: trusting ones first, each side in the order of `accounts:`.

    A composition is named after its account; an account on both sides gets `NAME_trusting` and `NAME_trusted`.
    """
    by_side = {Side.TRUSTING: _by_account(spec.trusting), Side.TRUSTED: _by_account(spec.trusted)}
    on_both_sides = by_side[Side.TRUSTING].keys() & by_side[Side.TRUSTED].keys()
    found = []
    for side, roles in by_side.items():
        for account in spec.accounts.values():
            if own := roles.get(account.name):
                name = f"{account.name}_{side}" if account.name in on_both_sides else account.name
                state = state_backend(spec.state, spec.project, name, account) if spec.state else None
                found.append(Composition(name, spec.project, account, side, tuple(own), state))
    return tuple(found)


def _by_account(roles: Iterable[Role]) -> dict[str, list[Role]]:
    found: dict[str, list[Role]] = {}
    for role in roles:
        found.setdefault(role.account.name, []).append(role)
    return found


def owner_tags(composition: Composition) -> dict[str, str]:
    """Return the tags that mark every resource of a composition as managed by this project."""
    return {"tfdriver:project": composition.project, "tfdriver:composition": composition.name}


def trusting_values(
    composition: Composition,
    trust_policies: Mapping[str, Mapping[str, Any]],
    revoke_before: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the tfvars of a trusting composition.

    trust_policies: the trust policy document to apply, by role key; revoke_before: the UTC time before which sessions
    are revoked, by role key, may contain roles of other compositions. Without times, the variable is left out.
    """
    values = _values(composition) | {"trust_policies": {r.key: trust_policies[r.key] for r in composition.roles}}
    times = {r.key: revoke_before[r.key] for r in composition.roles if revoke_before and r.key in revoke_before}
    return values | ({REVOKE: times} if times else {})


def trusted_values(composition: Composition, roles_to_assume: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the tfvars of a trusted composition.

    roles_to_assume: the result of the function `roles_to_assume`, by role key.
    """
    return _values(composition) | {"roles_to_assume": {r.key: roles_to_assume[r.key] for r in composition.roles}}


def roles_to_assume(spec: Spec, trusted: Role) -> list[dict[str, Any]]:
    """Return the variable `roles_to_assume` of a trusted role's module: one object for each role it may assume.

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
    ]


def _values(composition: Composition) -> dict[str, Any]:
    account = composition.account
    return {
        "profile": account.profile,
        "region": account.region,
        "account_id": account.id,
        "tags": owner_tags(composition),
        "roles": {
            role.key: {"name": role.name, "path": role.path, "variables": dict(role.variables)}
            for role in composition.roles
        },
    }
