"""`tfdriver adopt`: the lines of tfdriver.yaml for a role that exists. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tfdriver.aws.observe import RoleReader
from tfdriver.deploy.session import Options, Tools, read_accounts, read_spec
from tfdriver.errors import TfdriverError
from tfdriver.iam.policy_document import Document, account_of, principals, statements
from tfdriver.iam.trust import read_trust, without_statements
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.spec.message_text import nearest
from tfdriver.spec.model import Account, Role, Spec

_INDENT = "  "


@dataclass(frozen=True)
class ExistingRole:
    """A role as tfdriver.yaml has it. key: its key there; role: its keys and values; lines: both as YAML.

    notes: sentences without a full stop on statements that IAM would refuse.
    """

    key: str
    role: Mapping[str, Any]
    lines: str
    notes: tuple[str, ...] = ()


def find_existing_role(options: Options, tools: Tools, account_name: str, name: str) -> ExistingRole:
    """Return the lines for a role, with its present statements but without the one that tfdriver has written.

    account_name: a key of `accounts:`; the rest of tfdriver.yaml may be invalid. name: of the role, or its ARN. Raises
    TfdriverError for an unknown account, and for a role that does not exist or cannot be read.
    """
    accounts = read_accounts(options.project)
    if account_name not in accounts:
        hint = nearest(account_name, accounts) or f"Use one of {', '.join(accounts)}"
        raise TfdriverError(f"the spec has no account {account_name!r}", code="bad_usage", where="ACCOUNT", hint=hint)
    account = accounts[account_name]
    if name.startswith("arn:") and account_of(name) != account.id:
        what = f"{name} is not in account {account.id}"
        raise TfdriverError(what, code="bad_usage", where="ROLE", hint=f"Name a role of {account_name}")
    live = _read(tools.aws, account, name.rpartition("/")[2])
    spec = _spec_of(options)
    known = next((r for r in spec.roles.values() if r.existing and r.arn == live.arn), None) if spec else None
    kept = own_statements(live.trust_policy, known, spec.trusted_by(known) if spec and known else ())
    return describe(account, live, kept, known)


def describe(account: Account, live: LiveRole, kept: Iterable[Document], known: Role | None = None) -> ExistingRole:
    """Return the lines for a role in AWS. kept: its own statements; known: the role in the spec, None for a new one."""
    kept = list(kept)
    path, _, name = live.arn.partition(":role")[2].rpartition("/")
    key = known.key if known else _key(name)
    role: dict[str, Any] = {"account": account.name}
    role |= {"name": name} if name != key else {}
    role |= {"path": f"{path}/"} if path else {}
    role |= {"existing": True}
    role |= {"trusts": [*known.trusts, *known.trusted_arns]} if known and known.is_trusting else {}
    role |= {"trust_statements": [dict(statement) for statement in kept]} if kept else {}
    text = yaml.safe_dump({key: role}, sort_keys=False, width=1000, allow_unicode=True)
    lines = "".join(f"{_INDENT}{line}\n" for line in text.splitlines())
    return ExistingRole(key, role, lines, tuple(_notes(kept)))


def _read(aws: RoleReader, account: Account, name: str) -> LiveRole:
    live = aws.read_role(account, name)
    if isinstance(live, LiveRole):
        return live
    where = f"role {name} in {account.name} ({account.id})"
    if isinstance(live, Unreadable):
        hint = "Grant iam:GetRole on the role"
        raise TfdriverError(f"it cannot be read: {live.reason}", code="unreadable_role", where=where, hint=hint)
    raise TfdriverError("it does not exist", code="role_missing", where=where, hint="Correct the name or the account")


def _spec_of(options: Options) -> Spec | None:
    try:
        return read_spec(options.project)
    except TfdriverError:  # the lines may be what it lacks
        return None


def own_statements(policy: Document, role: Role | None, trusted: Iterable[Role]) -> list[Document]:
    """Return a policy's statements without the one that tfdriver has written.

    role: the existing role of the spec, None for a new one; trusted: the roles that it trusts.
    """
    found = statements(policy)
    more, _ = without_statements(policy, role.trust_statements if role else ())
    arns = {other.arn for other in trusted}
    for statement in more if arns else ():
        written = read_trust({"Statement": [statement]})
        if written is not None and written.principals - written.dead_ids <= arns:
            return without_statements(policy, [statement])[0]
    return found


def _key(name: str) -> str:
    """Return a role's name as a key: letters, digits and _, beginning with a letter or _."""
    key = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{key}" if key[0].isdigit() else key


def _notes(kept: Iterable[Document]) -> Iterable[str]:
    for number, statement in enumerate(kept, start=1):
        dead = [principal for principal in principals(statement) if re.fullmatch(r"A(RO|ID)A[A-Z0-9]+", principal)]
        if dead:
            yield (
                f"statement {number} names {' and '.join(dead)}, the id of a deleted principal, which IAM refuses to "
                "save: ask the role's owner to remove it"
            )
