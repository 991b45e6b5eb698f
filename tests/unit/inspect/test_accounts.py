"""Keys of an organization's accounts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.aws.organization import MemberAccount
from tfdriver.inspect.accounts import account_keys
from tfdriver.spec import names

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"
NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=50)


def keys(*account_names: str) -> list[str]:
    accounts = [
        MemberAccount(number, name, "ACTIVE") for number, name in zip((ONE, TWO, THREE), account_names, strict=False)
    ]
    return list(account_keys(accounts).values())


@pytest.mark.parametrize(
    ("account_names", "expected"),
    [
        (["Acme Prod (EU)", "acme-dev"], ["acme_prod_eu", "acme-dev"]),
        (["Prod", "prod!"], [f"prod_{ONE}", f"prod_{TWO}"]),
        (["***", "x" * 50], [f"account_{ONE}", "x" * 50]),
        (["Prod", "prod", f"prod {ONE}"], [f"prod_{ONE}", f"prod_{TWO}", f"prod_{ONE}_{THREE}"]),
    ],
)
def test_keys_are_made_from_names_and_ids(account_names, expected):
    assert keys(*account_names) == expected


@given(st.lists(NAMES, min_size=3, max_size=3))
def test_keys_are_valid_and_unique_for_all_names(account_names):
    found = keys(*account_names)

    assert not any(map(names.account_key, found))
    assert len({key.lower() for key in found}) == 3
