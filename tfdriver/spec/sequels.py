"""What follows from a whole spec and cannot be seen in one place of it: names that clash."""

from __future__ import annotations

from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import Role, Spec
from tfdriver.spec.problems import Problems


def check_sequels(spec: Spec, problems: Problems) -> None:
    """Note what AWS or the file system would refuse of a spec whose every part is good."""
    _refuse_same_role_name(spec, problems)
    _refuse_same_composition(spec, problems)


def _refuse_same_role_name(spec: Spec, problems: Problems) -> None:
    """Role names are unique in an account, case aside, whatever the path (IAM user guide, reference_iam-quotas)."""
    seen: dict[tuple[str, str], Role] = {}
    for role in spec.roles.values():
        other = seen.setdefault((role.account.name, role.name.lower()), role)
        if other is not role:
            what = f"IAM role name {role.name} in {role.account.name} is that of role {other.key} too"
            if other.name != role.name:
                what = f"IAM role names {other.name} and {role.name} in {role.account.name} differ in case only"
            problems.add(("roles", role.key, "name"), what, "Set another `name:`")


def _refuse_same_composition(spec: Spec, problems: Problems) -> None:
    """Folders are compared case aside: not every file system tells `Team` from `team`."""
    order = list(spec.accounts)
    owners: dict[str, str] = {}
    for composition in compositions(spec):
        account = composition.account.name
        other = owners.setdefault(composition.name.lower(), account)
        if other != account:
            what = f"accounts {other} and {account} would share the folder compositions/{composition.name}"
            hint = "Rename one (an account on both sides takes NAME_trusting and NAME_trusted; case does not count)"
            problems.add(("accounts", max(account, other, key=order.index)), what, hint)
