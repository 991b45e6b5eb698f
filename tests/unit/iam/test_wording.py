"""Texts for people."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.builders import A, B
from tfdriver.iam.wording import ask_owners


def test_owners_are_asked_once_for_all_of_their_accounts():
    first, second = replace(A, owner="team A"), replace(A, name="a2", owner="team A")

    assert ask_owners([first, B, second, first], "up", "tighten") == (
        "Ask team A, the owner of account_a and a2, to run `tfdriver up --only account_a --only a2`, "
        "then `tfdriver tighten --only account_a --only a2` "
        "and the owner of account_b to run `tfdriver up --only account_b`, then `tfdriver tighten --only account_b`"
    )


def test_a_command_for_many_accounts_is_short():
    accounts = [replace(A, name=f"a{n:02}") for n in range(97)]

    assert ask_owners(accounts, "up") == (
        "Ask the owner of a00, a01, a02 and 94 more to run `tfdriver up --only ACCOUNT` for each of them"
    )
