"""What IAM's policies say about calls that are not made."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.unit.builders import BAR, FOO
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.iam import trust
from tfdriver.iam.evaluator import Permissions
from tfdriver.iam.trust_state import Unreadable
from tfdriver.verify.attempts import trusted_round
from tfdriver.verify.by_policy import PairPolicies, policy_checks
from tfdriver.verify.probes import CallsProbe, calls_of

WITH_ID = replace(FOO, external_id="the-id")
PROBE = CallsProbe.model_validate(
    {
        "region": "us-west-2",
        "calls": [
            {"action": "s3:ListBucket", "arn": "arn:aws:s3:::b/in/", "expect": "allowed"},
            {"action": "s3:GetObject", "arn": "arn:aws:s3:::b/secret", "expect": "refused"},
        ],
    }
)
CHECKS = trusted_round(WITH_ID, BAR, calls_of(PROBE, FOO.arn))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def allow(action, resource, **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource} | more
    return Permissions(({"Version": "2012-10-17", "Statement": [statement]},))


IN_PREFIX = {"Condition": {"StringLike": {"s3:prefix": "in/*"}}}
POLICIES = PairPolicies(
    trust=trust.document(trust.exact([BAR], "the-id")),
    trusting=allow("s3:ListBucket", "arn:aws:s3:::b", **IN_PREFIX),
    trusted=allow("sts:AssumeRole", FOO.arn),
)
ASSUME, LISTED = "assume", "granted s3:ListBucket arn:aws:s3:::b/in/"


def by_name(**changes):
    return {c.name: c for c in policy_checks(WITH_ID, BAR, CHECKS, replace(POLICIES, **changes), NOW)}


def test_the_policies_are_evaluated_for_each_way_to_assume_the_role_and_each_call_as_it():
    found = by_name()

    assert {c.verdict for c in found.values()} == {CheckStatus.BY_POLICY}
    allows = {name: c.happened == "the policies of the roles allow it" for name, c in found.items()}
    assert allows == {
        ASSUME: True,
        "assume-without-external-id": False,
        "assume-with-wrong-external-id": False,
        LISTED: True,
        "not-granted s3:GetObject arn:aws:s3:::b/secret": False,
    }


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        (
            {"trusted": allow("sts:AssumeRole", "arn:aws:iam::111111111111:role/other")},
            ASSUME,
            "the policies of the roles refuse it, because no identity-based policy allows the sts:AssumeRole action",
        ),
        (
            {"trusting": allow("s3:ListBucket", "arn:aws:s3:::b", Condition={"StringEquals": {"aws:SourceVpc": "v"}})},
            LISTED,
            "whether the policies of the roles allow it depends on StringEquals aws:SourceVpc",
        ),
        (
            {"trusting": allow("s3:GetObject", "arn:aws:s3:::b/*")},
            LISTED,
            "the policies of the roles refuse it, because no identity-based policy allows the s3:ListBucket action",
        ),
    ],
)
def test_a_refusal_has_its_reason(changes, name, words):
    found = by_name(**changes)[name]
    assert (found.verdict, found.happened) == (CheckStatus.BY_POLICY, words)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"trusted": Unreadable("no access")}, ASSUME, "no access"),
        ({"trusting": Unreadable("no access")}, LISTED, "no access"),
        ({"trust": None}, ASSUME, "the trust policy cannot be read"),
    ],
)
def test_unreadable_policies_say_nothing(changes, name, words):
    found = by_name(**changes)[name]
    assert (found.verdict, found.happened) == (CheckStatus.NOT_PROBED, words)
