"""Texts for trusts and trust states. Pure; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from tfdriver.iam.policy_document import Document, access, account_of, named
from tfdriver.iam.trust import Trust, read_trust
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.spec.message_text import shortened
from tfdriver.spec.model import Account, Role

_FEW = 4  # accounts whose names stand in one command
OVERWRITE = (
    "To replace the trust policy by the spec's, run `tfdriver up --overwrite` or `tfdriver tighten --overwrite`; "
    "`tfdriver plan --overwrite` prints the change"
)


def replacing(role: Role) -> str:
    """Return what to do about a role's unmanaged trust policy. An existing role's is not tfdriver's to replace."""
    if not role.existing:
        return OVERWRITE
    return (
        f"Write the statements that `tfdriver adopt {role.account.name} {role.name}` prints into its "
        "`trust_statements:`, and run the same command again"
    )


def role_in_account(role: Role) -> str:
    """Return a role of the spec with its account: `role bar in account_b`."""
    return f"role {role.name} in {role.account.name}"


def ask_owners(accounts: Iterable[Account], *commands: str) -> str:
    """Return what to ask the owners of accounts for. commands: of tfdriver, in order."""
    by_owner: dict[str, list[str]] = {}
    for account in dict.fromkeys(accounts):
        by_owner.setdefault(account.owner, []).append(account.name)
    asked = []
    for owner, names in by_owner.items():
        few = len(names) <= _FEW
        only = " ".join(f"--only {name}" for name in names) if few else "--only ACCOUNT"
        whom = f"{owner}, the owner of {shortened(names)}," if owner else f"the owner of {shortened(names)}"
        run = ", then ".join(f"`tfdriver {command} {only}`" for command in commands)
        asked.append(f"{whom} to run {run}" + ("" if few else " for each of them"))
    return f"Ask {' and '.join(asked)}"


def moment(when: datetime) -> str:
    """Return a text for a UTC time, to the second."""
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def trusted(trust: Trust) -> str:
    """Return a text for a trust: `account 222222222222, only as role/bar, until ...`."""
    until = f", until {moment(trust.until)}" if trust.until else ""
    return trusted_whenever(trust) + until


def trusted_whenever(trust: Trust) -> str:
    """Return a text for a trust, without the deadline."""
    if trust.guard:
        names = sorted(arn.split(":", 5)[5] for arn in trust.guard)
        accounts = (f"account {account_of(principal)}" for principal in sorted(trust.principals))
        parts = [*accounts, f"only as {' or '.join(names)}"]
    else:
        parts = [named(principal) for principal in sorted(trust.principals)]
    return _with_additions(parts, trust)


def _with_additions(parts: list[str], trust: Trust) -> str:
    """Return a text for whom a trust trusts, with its external id and what the spec adds."""
    if trust.external_id is not None:
        parts = [*parts, "with the external id"]
    if trust.conditions:
        parts = [*parts, f"with conditions on {' and '.join(sorted({key for _, key, _ in trust.conditions}))}"]
    text = ", ".join(parts)
    return "; ".join([text, *(access({"Statement": json.loads(s)}) for s in sorted(trust.statements))])


def trusted_by(policy: Document, accounts: Mapping[str, str]) -> str:
    """Return whom a trust policy trusts: `all of account_b (222222222222), only as role bar, until ...`.

    accounts: names by account id.
    """
    found = read_trust(policy)
    if found is None:
        text = access(policy).removeprefix("trusts ")
    else:
        parts = [" and ".join(map(named, sorted(found.principals)))]
        if found.guard:
            parts.append(f"only as role {' or '.join(arn.partition(':role/')[2] for arn in sorted(found.guard))}")
        if found.until:
            parts.append(f"until {moment(found.until)}")
        text = _with_additions(parts, found)
    names = {f"account {account_id}": f"{name} ({account_id})" for account_id, name in accounts.items()}
    return re.sub(r"\baccount \d{12}\b", lambda match: names.get(match[0], match[0]), text)


def state(found: TrustState, now: datetime) -> str:
    """Return a text for a trust state."""
    match found.kind, found.trust:
        case TrustKind.ABSENT, _:
            return "does not exist"
        case TrustKind.FOUND, _:
            return "found: has its own statements only"
        case TrustKind.UNREADABLE | TrustKind.UNMANAGED, _:
            return f"{found.kind}: {found.detail}"
        case TrustKind.UNSEEN, _:
            return f"unknown: {found.detail}"
        case kind, Trust() as trust:
            expired = " (expired)" if trust.expired(now) else ""
            not_yet = [*map(role_in_account, found.missing), *map(named, found.missing_arns)]
            missing = f", not yet {', '.join(not_yet)}" if not_yet else ""
            changed = f"; the spec has changed: {found.detail}" if found.detail else ""
            return f"{kind}{expired}: trusts {trusted(trust)}{missing}{changed}"
        case kind, _:
            return str(kind)


def in_force(states: Iterable[TrustState], now: datetime) -> str:
    """Return a text for the broad trusts in force now, '' if there are none."""
    return "; ".join(f"{role_in_account(s.role)} {access_to(s)}" for s in states if s.open_at(now))


def access_to(found: TrustState) -> str:
    """Return a text for the trust of a role that exists: `trusts ...`."""
    if found.trust is None and found.live is not None:
        return access(found.live.trust_policy)
    return f"trusts {trusted(found.trust)}" if found.trust else found.detail
