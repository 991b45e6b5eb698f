"""What must hold before anything is written or applied: the right accounts, roles that are ours to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from tfdriver.aws.calls import Caller
from tfdriver.aws.observe import Observation, side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import Kind, TrustState, Unreadable
from tfdriver.spec.model import Account, Spec


class Identifies(Protocol):
    """What checking identities needs of AWS; `aws.Aws` is one."""

    def caller(self, account: Account) -> Caller:
        """Return who the account's profile is."""


def used_accounts(spec: Spec) -> list[Account]:
    """Return the accounts that have a role, in the file's order."""
    used = {role.account.name for role in spec.roles.values()}
    return [account for account in spec.accounts.values() if account.name in used]


def check_identities(spec: Spec, aws: Identifies, accounts: Iterable[Account] | None = None) -> Mapping[str, Caller]:
    """Return who each profile is now, by account name; of all accounts that have a role, or only of `accounts`.

    Raises TfdriverError unless each is in the account the spec says.
    """
    accounts = used_accounts(spec) if accounts is None else list(accounts)
    callers = dict(zip([a.name for a in accounts], side_by_side(aws.caller, accounts), strict=True))
    for account in accounts:
        found = callers[account.name].account_id
        if found != account.id:
            other = next((a for a in used_accounts(spec) if a.id == found), None)
            swapped = f", which is {other.name}: are the profiles swapped?" if other else ""
            raise TfdriverError(
                f"profile {account.profile} is in account {found}, not in {account.id}{swapped}",
                where=f"tfdriver.yaml: accounts.{account.name}",
                hint="Correct the profile or the id; nothing was changed there",
            )
    return callers


def unwanted(*, overwrite: bool) -> frozenset[Kind]:
    """Return the kinds of trust that stop a run. overwrite: whether it may replace a trust that is not ours."""
    return frozenset({Kind.UNREADABLE} if overwrite else {Kind.UNREADABLE, Kind.FOREIGN})


def refuse(states: Mapping[str, TrustState], kinds: frozenset[Kind], hint: str) -> None:
    """Raise TfdriverError for the first role whose trust is of one of `kinds`."""
    for state in states.values():
        if state.kind in kinds:
            raise TfdriverError(_why(state), where=f"role {state.role.name} in {state.role.account.name}", hint=hint)


def refuse_unread(spec: Spec, seen: Observation) -> None:
    """Raise TfdriverError for a trusted role that AWS did not show: it may exist, and then nothing is to be broad."""
    for key, found in seen.trusted.items():
        if isinstance(found, Unreadable):
            role = spec.roles[key]
            raise TfdriverError(
                f"it cannot be read: {found.reason}",
                where=f"role {role.name} in {role.account.name}",
                hint="Nothing was opened: whether it exists decides whom to trust. Allow iam:GetRole on it",
            )


def _why(state: TrustState) -> str:
    match state.kind:
        case Kind.UNREADABLE:
            return f"its trust policy cannot be read: {state.detail}"
        case Kind.ABSENT:
            return "there is no such role"
        case _:
            return f"its trust policy is not one that tfdriver would write for this spec: {state.detail}"
