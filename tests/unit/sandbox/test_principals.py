from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.sandbox.principals import InvalidPrincipalError, to_arns, to_unique_ids

BAR = "arn:aws:iam::222222222222:role/bar"
ROOT = "arn:aws:iam::222222222222:root"
EXISTING = {BAR: "AROABAR", "AROABAR": "AROABAR"}


def trust(principal: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}


@pytest.mark.parametrize(
    ("principal", "saved"),
    [
        ({"AWS": BAR}, {"AWS": "AROABAR"}),
        ({"AWS": [BAR, "222222222222"]}, {"AWS": ["AROABAR", ROOT]}),
        ({"AWS": "AROABAR"}, {"AWS": "AROABAR"}),
        ({"AWS": [ROOT, "*"]}, {"AWS": [ROOT, "*"]}),
        ({"Service": "lambda.amazonaws.com"}, {"Service": "lambda.amazonaws.com"}),
        ({"AWS": BAR, "Service": "x"}, {"AWS": "AROABAR", "Service": "x"}),
        ("*", "*"),
    ],
)
def test_users_and_roles_are_saved_with_unique_ids(principal: Any, saved: Any) -> None:
    assert to_unique_ids(trust(principal), "aws", EXISTING.get) == trust(saved)


def test_a_statement_without_a_list_is_translated() -> None:
    policy = {"Statement": trust({"AWS": BAR})["Statement"][0]}

    assert to_unique_ids(policy, "aws", EXISTING.get)["Statement"]["Principal"] == {"AWS": "AROABAR"}


def test_the_root_of_an_account_id_is_in_the_partition_of_the_role() -> None:
    saved = to_unique_ids(trust({"AWS": "222222222222"}), "aws-cn", EXISTING.get)

    assert saved == trust({"AWS": "arn:aws-cn:iam::222222222222:root"})


@pytest.mark.parametrize("missing", ["arn:aws:iam::222222222222:role/other", "AROADELETED", "", "bar", "12345"])
def test_a_principal_that_does_not_exist_is_invalid(missing: str) -> None:
    with pytest.raises(InvalidPrincipalError) as error:
        to_unique_ids(trust({"AWS": [BAR, missing]}), "aws", EXISTING.get)

    assert error.value.principal == missing


def test_the_unique_id_of_a_deleted_role_is_returned() -> None:
    saved = trust({"AWS": ["AROABAR", "AROADELETED", ROOT]})

    assert to_arns(saved, {"AROABAR": BAR}.get) == trust({"AWS": [BAR, "AROADELETED", ROOT]})


ARNS = st.builds(
    "arn:aws:iam::{:012}:role/{}".format, st.integers(0, 10**12 - 1), st.text("abAB01_", min_size=1, max_size=9)
)


@given(st.dictionaries(ARNS, st.uuids().map(str)))
def test_arns_of_existing_roles_are_returned_unchanged(ids: dict[str, str]) -> None:
    policy = trust({"AWS": sorted(ids)})
    arns = {unique_id: arn for arn, unique_id in ids.items()}

    assert to_arns(to_unique_ids(policy, "aws", ids.get), arns.get) == policy
