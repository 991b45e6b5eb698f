"""Which accounts the local credentials can access. For commands that continue if one account is not accessible."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tfdriver.aws.calls import Caller
from tfdriver.aws.identity import IdentityReader, used_accounts
from tfdriver.aws.observe import RoleReader
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable, Unseen
from tfdriver.spec.model import Account, Spec


@dataclass(frozen=True)
class AccountAccess:
    """Whether an account's profile gives access to it. caller: our ARN there; problem: the reason if it does not.

    selected: whether the run covers the account; see `project.selection`.
    """

    account: str
    id: str
    caller: str = ""
    problem: str = ""
    selected: bool = True


@dataclass(frozen=True)
class ReachableAws:
    """A `RoleReader` that makes no calls to accounts without access. accounts: the access to each, by account name.

    unseen: roles of accounts that the run does not cover, by account and role name; see `project.outputs_file`.
    """

    aws: RoleReader
    accounts: Mapping[str, AccountAccess]
    unseen: Mapping[tuple[str, str], Unseen] = field(default_factory=dict)

    def read_role(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        """Return a role, or None if it does not exist."""
        access = self.accounts[account.name]
        if not access.selected:
            return self.unseen.get((account.name, name)) or Unseen(f"{account.name} is not selected")
        if access.problem:
            return Unreadable(f"{account.name} cannot be read")
        return self.aws.read_role(account, name)


class _Accesses(Mapping[str, AccountAccess]):
    """The access to accounts by name. It is checked when it is needed first. Iterates over the checked ones."""

    def __init__(self, accounts: Iterable[Account], check: Callable[[Account], AccountAccess]) -> None:
        self._accounts = {account.name: account for account in accounts}
        self._check = check
        self._checked: dict[str, AccountAccess] = {}

    def __getitem__(self, name: str) -> AccountAccess:
        if name not in self._checked:
            self._checked[name] = self._check(self._accounts[name])
        return self._checked[name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in self._accounts if name in self._checked])

    def __len__(self) -> int:
        return len(self._checked)


def account_access(
    spec: Spec,
    aws: IdentityReader,
    known: Mapping[str, Caller] | None = None,
    selected: Collection[Account] | None = None,
    first: Iterable[Account] | None = None,
) -> Mapping[str, AccountAccess]:
    """Return the access to each account that has a role, by account name. Never raises.

    known: the callers in accounts that are checked already, by account name; selected: the accounts that the run
    covers, None for all: no other one is called; first: those to check at once, None for all: any other one is checked
    when it is needed, e.g. for a role of another shard. A profile of another account than the spec's gives no access.
    """
    known = known or {}

    def access(account: Account) -> AccountAccess:
        if selected is not None and account not in selected:
            return AccountAccess(account.name, account.id, problem="not selected", selected=False)
        try:
            caller = known[account.name] if account.name in known else aws.caller(account)
        except TfdriverError as error:
            problem = f"{error.what}. {error.hint}" if error.hint else error.what
            return AccountAccess(account.name, account.id, problem=f"profile {account.profile}: {problem}")
        if caller.account_id != account.id:
            problem = f"profile {account.profile} is in account {caller.account_id}, not in {account.id}"
            return AccountAccess(account.name, account.id, problem=problem)
        return AccountAccess(account.name, account.id, caller.arn)

    used = used_accounts(spec)
    accesses = _Accesses(used, access)
    side_by_side(lambda account: accesses[account.name], used if first is None else first)
    return accesses
