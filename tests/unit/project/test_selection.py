"""The accounts that a run covers."""

from __future__ import annotations

import pytest

from tests.unit.builders import BAR, FOO, A, B, spec
from tfdriver.errors import TfdriverError
from tfdriver.project.selection import Selection, Shard, parse_shard

PROJECT = spec(FOO, BAR)


@pytest.mark.parametrize(
    ("only", "exclude", "expected"),
    [
        ((), (), (A, B)),
        (("account_b",), (), (B,)),
        (("account_b", "account_a"), (), (A, B)),
        (("*_a",), (), (A,)),
        ((), ("account_?",), None),
        (("account_*",), ("account_a",), (B,)),
        (("*_c",), (), None),
    ],
)
def test_names_and_patterns_choose_accounts(only, exclude, expected):
    selection = Selection(only, exclude)

    if expected is None:
        with pytest.raises(TfdriverError, match=r"no account"):
            selection.accounts(PROJECT)
    else:
        assert selection.accounts(PROJECT) == expected


def test_a_composition_is_in_one_shard_which_follows_from_its_name_alone():
    names = [f"prod_{number}" for number in range(200)]

    for count in range(1, 8):
        shards = [Shard(index + 1, count) for index in range(count)]
        assert all(sum(shard.includes(name) for shard in shards) == 1 for name in names)
    assert [name for name in names[:8] if Shard(2, 3).includes(name)] == []


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(TfdriverError) as caught:
        Selection(exclude=("acount_b",)).accounts(PROJECT)

    assert (caught.value.where, caught.value.hint) == ("--exclude", "Did you mean account_b?")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run `tfdriver up` again", "Run `tfdriver up --only 'a*'` again"),
        ("`tfdriver plan --overwrite`", "`tfdriver plan --only 'a*' --overwrite`"),
        ("`tfdriver up --only b`", "`tfdriver up --only b`"),
        ("`tfdriver render`", "`tfdriver render`"),
    ],
)
def test_proposed_commands_cover_the_same_accounts(text, expected):
    assert Selection(("a*",)).in_commands(text) == expected
    in_shard = Selection(("a*",), shard=parse_shard("2/3"))
    assert in_shard.in_commands(text) == expected.replace("'a*'", "'a*' --shard 2/3")
    assert Selection().in_commands(text) == text
