"""`tfdriver policy`: the minimal permissions of the operator in each account. Makes no AWS call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfdriver.aws.identity import used_accounts
from tfdriver.deploy.session import read_spec
from tfdriver.errors import TfdriverError
from tfdriver.inspect.operator_policy.arns import arn_of
from tfdriver.inspect.operator_policy.documents import MAX_CHARACTERS, Document, documents, length
from tfdriver.inspect.operator_policy.module_resources import module_resources
from tfdriver.inspect.operator_policy.statements import Purpose, statements
from tfdriver.spec.message_text import nearest
from tfdriver.spec.model import Account, Spec

_ATTACHABLE = 10  # managed policies on a user or role, by default. Source: IAM user guide, reference_iam-quotas


@dataclass(frozen=True)
class AccountPolicy:
    """The operator's policy in an account. documents: each fits into one managed policy; characters: length of each.

    notes: sentences on permissions that are not known from the spec and the modules.
    """

    account: str
    account_id: str
    documents: tuple[Document, ...]
    characters: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class OperatorPolicies:
    """The operator's policies. purpose: the commands to run; limit: characters of a managed policy."""

    purpose: Purpose
    accounts: tuple[AccountPolicy, ...]
    limit: int = MAX_CHARACTERS


def policy(
    project: Path,
    purpose: Purpose,
    account: str | None = None,
    *,
    access_analyzer: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> OperatorPolicies:
    """Return the operator's policies in the accounts that have roles, or in one account.

    access_analyzer: whether `plan` and `up` use `--access-analyzer`; note: see `read_spec`. Raises TfdriverError for a
    bad spec, or an account that is not in it or has no roles.
    """
    spec = read_spec(project, note)
    used = used_accounts(spec)
    if account is not None:
        used = [_chosen(spec, used, account)]
    return OperatorPolicies(
        purpose, tuple(_of_account(spec, found, purpose, access_analyzer=access_analyzer) for found in used)
    )


def _chosen(spec: Spec, used: list[Account], name: str) -> Account:
    if name not in spec.accounts:
        hint = nearest(name, spec.accounts) or f"Use one of {', '.join(spec.accounts)}"
        raise TfdriverError(f"the spec has no account {name!r}", code="bad_usage", where="--account", hint=hint)
    for account in used:
        if account.name == name:
            return account
    raise TfdriverError(
        f"account {name} has no roles", code="bad_usage", where="--account", hint="Its operator needs no permissions"
    )


def _of_account(spec: Spec, account: Account, purpose: Purpose, *, access_analyzer: bool) -> AccountPolicy:
    modules = {role.key: module_resources(role, spec.root, arn_of) for role in spec.roles.values()}
    found, notes = statements(spec, account, modules, purpose, access_analyzer=access_analyzer)
    cut = documents(found)
    if len(cut) > _ATTACHABLE:
        notes.append(f"these are {len(cut)} policies; a user or role takes {_ATTACHABLE}, unless AWS allows you more")
    return AccountPolicy(account.name, account.id, tuple(cut), tuple(map(length, cut)), tuple(notes))
