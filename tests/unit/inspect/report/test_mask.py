"""Masking of external ids."""

from __future__ import annotations

import pytest

from tests.unit.builders import BAR
from tests.unit.inspect.report.cases import checks
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.iam import trust
from tfdriver.inspect.report.mask import MASK, external_ids, masked
from tfdriver.inspect.report.model import ReportedPolicy


def test_ids_are_found_in_every_condition():
    statement = {"Condition": {"StringLike": {"STS:ExternalID": ["a-1", "b-2"]}, "Bool": {"x": "true"}}}
    documents = [trust.document(trust.exact([BAR], "right-1")), {"Statement": [statement]}, {"Statement": statement}]

    assert external_ids(documents) == {"right-1", "a-1", "b-2"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("its external id is abc-1, the spec says none", f"its external id is {MASK}, the spec says none"),
        ('{"sts:ExternalId": "abc-1"}', f'{{"sts:ExternalId": "{MASK}"}}'),
        ("abc-1.", f"{MASK}."),
        ("abc-12 xabc-1 abc-1-x", "abc-12 xabc-1 abc-1-x"),
        ("a.c=1+", "a.c=1+"),
    ],
)
def test_only_whole_ids_are_masked(text, found):
    assert masked(text, {"abc-1"}) == found


def test_the_longer_of_two_ids_is_masked_whole():
    assert masked("id:1:2", {"id:1", "id:1:2"}) == MASK


def test_nested_values_are_masked_and_keep_their_types():
    verified = checks(CheckStatus.PASSED)
    value = {"k": [ReportedPolicy("kind", "the-id", "", "x the-id x")], "v": verified, "n": 7}

    found = masked(value, {"the-id"})

    assert found == {"k": [ReportedPolicy("kind", MASK, "", f"x {MASK} x")], "v": verified, "n": 7}
    assert type(found["v"].exit_code) is type(verified.exit_code)


def test_without_ids_values_are_unchanged():
    value = object()
    assert masked(value, set()) is value
