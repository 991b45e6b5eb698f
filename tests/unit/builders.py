"""Small values that many unit tests start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfdriver.spec.model import Account, Role, Spec

A = Account("account_a", "111111111111", "account_a", "us-west-2", "aws")
B = Account("account_b", "222222222222", "account_b", "us-west-2", "aws")


def role(key: str, account: Account, **fields: Any) -> Role:
    """A role named after its key."""
    return Role(key, account, fields.pop("name", key), "m", "../../modules/m", **fields)


def spec(*roles: Role) -> Spec:
    """A spec of these roles and their accounts."""
    accounts = {r.account.name: r.account for r in roles}
    return Spec(Path("/project"), "foo-bar", accounts, {r.key: r for r in roles})


FOO = role("foo_bar", A, trusts=("bar",))
BAR = role("bar", B)

DEEP = "[" * 300_000  # JSON nested more deeply than Python reads
