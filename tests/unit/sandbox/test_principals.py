from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.sandbox.principals import InvalidPrincipalError, to_arns, to_unique_ids

BAR = "arn:aws:iam::222222222222:role/bar"
ROOT = "arn:aws:iam::222222222222:root"
LIVE = {BAR: "AROABAR", "AROABAR": "AROABAR"}


def trust(principal: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}


@pytest.mark.parametrize(
    ("given_principal", "kept"),
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
def test_what_is_kept(given_principal: Any, kept: Any) -> None:
    assert to_unique_ids(trust(given_principal), "aws", LIVE.get) == trust(kept)


def test_a_single_statement_stays_single() -> None:
    single = {"Statement": trust({"AWS": BAR})["Statement"][0]}
    assert to_unique_ids(single, "aws", LIVE.get)["Statement"]["Principal"] == {"AWS": "AROABAR"}


def test_a_bare_account_id_is_of_the_partition_of_the_role() -> None:
    kept = to_unique_ids(trust({"AWS": "222222222222"}), "aws-cn", LIVE.get)
    assert kept == trust({"AWS": "arn:aws-cn:iam::222222222222:root"})


@pytest.mark.parametrize("dead", ["arn:aws:iam::222222222222:role/other", "AROADEAD", "", "bar", "12345"])
def test_who_does_not_live_cannot_be_saved(dead: str) -> None:
    with pytest.raises(InvalidPrincipalError) as refused:
        to_unique_ids(trust({"AWS": [BAR, dead]}), "aws", LIVE.get)
    assert refused.value.principal == dead


def test_a_dead_id_is_shown_bare() -> None:
    kept = trust({"AWS": ["AROABAR", "AROADEAD", ROOT]})
    assert to_arns(kept, {"AROABAR": BAR}.get) == trust({"AWS": [BAR, "AROADEAD", ROOT]})


@given(st.dictionaries(st.from_regex(r"arn:aws:iam::\d{12}:role/\w{1,9}", fullmatch=True), st.uuids().map(str)))
def test_what_lives_is_shown_as_it_was_saved(ids: dict[str, str]) -> None:
    policy = trust({"AWS": sorted(ids)})
    arns = {unique_id: arn for arn, unique_id in ids.items()}
    assert to_arns(to_unique_ids(policy, "aws", ids.get), arns.get) == policy
