"""The rules for names, at their limits. Invalid names in a spec are in bad_specs.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.spec import names
from tfdriver.spec.message_text import quoted

ARN = "arn:aws:iam::111111111111:role/worker"


@pytest.mark.parametrize("text", ["111111111111", "000000000000", "012345678901"])
def test_valid_account_ids(text: str) -> None:
    assert names.account_id(text) is None


@pytest.mark.parametrize("text", ["a", "A" * 64, "a+=,.@-_9", "-"])
def test_valid_role_names(text: str) -> None:
    assert names.role_name(text) is None


@pytest.mark.parametrize("text", ["/", "/a/", "/a/b.c/d_e/", "/" + "a" * 510 + "/", "/a:b/"])
def test_valid_paths(text: str) -> None:
    assert names.role_path(text) is None


@pytest.mark.parametrize("text", ["ab", "a" * 1224, "a1_+=,.@:/-"])
def test_valid_external_ids(text: str) -> None:
    assert names.external_id(text) is None


@pytest.mark.parametrize("text", ["a", "Köln 7", "a_.:/=+-@", "x" * 256, "日本"])
def test_valid_tag_values(text: str) -> None:
    assert names.tag_value(text) is None


@pytest.mark.parametrize("text", ["default", "my profile", "team/dev", "a@b", "é"])
def test_valid_profiles(text: str) -> None:
    assert names.profile(text) is None


@pytest.mark.parametrize("text", ["a", "_a-b", "A" * 64])
def test_valid_identifiers(text: str) -> None:
    assert names.identifier(text) is None
    assert names.account_key(text) is None


def test_account_keys_may_begin_with_a_digit_and_role_keys_may_not() -> None:
    assert names.account_key("1-dev") is None
    assert names.identifier("1-dev") is not None


@pytest.mark.parametrize("text", [ARN, "arn:aws:iam::222222222222:role/a/b/c+d", "arn:aws:iam::333333333333:user/ann"])
def test_valid_arns_of_principals(text: str) -> None:
    assert names.principal_arn(text, "aws") is None


def test_a_user_is_not_a_role_to_assume() -> None:
    reason = names.principal_arn("arn:aws:iam::333333333333:user/ann", "aws", users=False)

    assert reason is not None
    assert 'type "user"' in reason.what


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ARN.replace("aws", "aws-cn"), 'partition "aws-cn", and the role of aws'),
        (ARN.replace("aws", "aws-mars"), 'partition "aws-mars"'),
        (ARN.replace("::", ":"), "not the ARN"),
        (ARN.replace("::", ":us-east-1:"), 'region "us-east-1"'),
        (ARN.replace("role/", "oidc-provider/"), "identity provider"),
        (ARN.replace("role/", "assumed-role/"), 'type "assumed-role"'),
        (ARN.replace("role/", "policy/"), 'type "policy"'),
        (ARN.replace("role/worker", "role/"), "role name is empty"),
        (ARN.replace("role/worker", "role//worker"), "two slashes"),
        (ARN.replace("role/worker", "root"), "whole account"),
        (ARN.replace("1" * 12, "1" * 11), "11 digits"),
        (ARN.replace("worker", "*"), "wildcard"),
        (ARN.replace("arn:aws", "ARN:AWS"), "not the ARN"),
        (ARN.replace("arn:", ""), "not the ARN"),
        (ARN.replace("iam", "sts"), "not the ARN"),
        (ARN + " ", "space or newline"),
        (ARN + "\n", "space or newline"),
        ("AROAEXAMPLEEXAMPLE123", "unique id"),
        ("arn:aws:iam::1", "14 characters"),
        (ARN + "x" * 2048, "2085 characters"),
    ],
)
def test_an_invalid_arn_is_refused_with_a_hint(text: str, words: str) -> None:
    reason = names.principal_arn(text, "aws")
    assert reason is not None
    assert words in reason.what
    assert reason.hint


@given(st.text())
def test_every_rule_accepts_any_text_and_refuses_with_a_hint(text: str) -> None:
    rules = [names.account_id, names.role_name, names.role_path, names.external_id, names.profile, names.tag_value]
    found = [rule(text) for rule in (*rules, names.account_key, names.identifier)]
    found += [names.region(text, ("us-west-2",)), names.principal_arn(text, "aws")]
    for reason in found:
        if reason:
            assert reason.what.isprintable()
            assert reason.hint.isprintable()
            assert reason.hint


@given(st.from_regex(r"[A-Za-z0-9_+=,.@-]{1,64}", fullmatch=True))
def test_every_role_name_of_the_iam_pattern_is_valid(text: str) -> None:
    assert names.role_name(text) is None


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-west-9", "aws"),
        ("mx-central-1", "aws"),
        ("cn-north-9", "aws-cn"),
        ("us-gov-east-9", "aws-us-gov"),
        ("us-isob-east-9", "aws-iso-b"),
        ("eusc-de-east-9", "aws-eusc"),
    ],
)
def test_a_region_that_is_newer_than_botocore_is_accepted(region: str, partition: str):
    assert names.region(region, ("us-west-2",)) is None
    assert names.partition(region) == partition


@pytest.mark.parametrize("region", ["us-west2", "us-west-2a", "US-WEST-2", "nowhere-9", "us-west-", ""])
def test_other_regions_are_refused(region: str):
    assert names.region(region, ("us-west-2",))


def test_letters_of_other_alphabets_are_escaped():
    assert quoted("trust\u0455 caf\u00e9") == '"trust\\u0455 caf\u00e9"'
