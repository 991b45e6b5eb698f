"""Which accounts can be seen with the credentials at hand: for commands that only look, and go on with one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfdriver.aws.calls import Caller
from tfdriver.aws.identity import IdentityReader, used_accounts
from tfdriver.aws.observe import RoleReader
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.spec.model import Account, Spec


@dataclass(frozen=True)
class AccountAccess:
    """An account as its profile shows it. caller: ARN of who we are there; problem: why it can't be seen, or ''."""

    account: str
    id: str
    caller: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ReachableAws:
    """AWS, but accounts that can't be seen are not asked. It is an `observe.RoleReader`."""

    aws: RoleReader
    halves: Mapping[str, AccountAccess]

    def look(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        """Return a role as it is now, None if there is none."""
        if self.halves[account.name].problem:
            return Unreadable(f"{account.name} is not seen")
        return self.aws.look(account, name)


def account_access(
    spec: Spec, aws: IdentityReader, known: Mapping[str, Caller] | None = None
) -> Mapping[str, AccountAccess]:
    """Return each account that has a role, by name. Never raises for an account that can't be seen.

    known: who we are in accounts that were asked already, by name.

    A profile that is in another account than the spec says counts as one that can't be seen: what it shows is not
    about this project.
    """
    known = known or {}
    here = {a.name: AccountAccess(a.name, a.id, known[a.name].arn) for a in used_accounts(spec) if a.name in known}
    others = [account for account in used_accounts(spec) if account.name not in known]
    return here | {half.account: half for half in side_by_side(lambda account: _half(account, aws), others)}


def _half(account: Account, aws: IdentityReader) -> AccountAccess:
    try:
        caller = aws.caller(account)
    except TfdriverError as error:
        problem = f"{error.what}. {error.hint}" if error.hint else error.what
        return AccountAccess(account.name, account.id, problem=f"profile {account.profile}: {problem}")
    if caller.account_id != account.id:
        problem = f"profile {account.profile} is in account {caller.account_id}, not in {account.id}"
        return AccountAccess(account.name, account.id, problem=problem)
    return AccountAccess(account.name, account.id, caller.arn)
