"""Checks the names that must be unique in a whole spec: of IAM roles, compositions and states."""

from __future__ import annotations

from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import Role, Spec
from tfdriver.spec.problems import Problems
from tfdriver.spec.state_backend import refuse_shared_states


def check_unique_names(spec: Spec, problems: Problems) -> None:
    """Add to `problems` the names that AWS or the file system would refuse as duplicates."""
    _check_role_names(spec, problems)
    _check_composition_names(spec, problems)
    states = ((composition.name, composition.state) for composition in compositions(spec))
    refuse_shared_states(((name, state) for name, state in states if state), problems)


def _check_role_names(spec: Spec, problems: Problems) -> None:
    """Role names are unique in an account, regardless of case and path (IAM user guide, reference_iam-quotas)."""
    owners: dict[tuple[str, str], Role] = {}
    for role in spec.roles.values():
        other = owners.setdefault((role.account.id, role.name.lower()), role)
        if other is not role:
            what = f"IAM role name {role.name} in account {role.account.id} is also the name of role {other.key}"
            if other.name != role.name:
                what = f"IAM role names {other.name} and {role.name} in account {role.account.id} differ in case only"
            hint = "Add {account} to `name:`" if other.label == role.label else "Set another `name:`"
            problems.add(("roles", role.label, "name"), what, hint)


def _check_composition_names(spec: Spec, problems: Problems) -> None:
    """Names of folders are compared regardless of case: some file systems do not distinguish `Team` from `team`."""
    order = list(spec.accounts)
    owners: dict[str, str] = {}
    for composition in compositions(spec):
        account = composition.account.name
        other = owners.setdefault(composition.name.lower(), account)
        if other != account:
            what = f"accounts {other} and {account} would share the folder compositions/{composition.name}"
            hint = "Rename one (an account on both sides uses NAME_trusting and NAME_trusted; case does not count)"
            problems.add(("accounts", max(account, other, key=order.index)), what, hint)
