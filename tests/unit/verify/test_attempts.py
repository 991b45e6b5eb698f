"""The calls that verify a pair, and their controls."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.builders import BAR, FOO
from tfdriver.verify.attempts import (
    PERMITTED,
    WHO,
    WHO_AGAIN,
    WHO_AS_ROLE,
    intruder_round,
    trusted_round,
    untried,
)
from tfdriver.verify.outcome import OutcomeKind
from tfdriver.verify.probes import TableProbe, calls_of
from tfdriver.verify.resource_calls import ResourceCall

TABLE = TableProbe(
    table_name="T",
    hash_key="K",
    region="us-west-2",
    granted=("dynamodb:PutItem",),
    not_granted=("dynamodb:GetItem", "dynamodb:Scan"),
)
CALLS = calls_of(TABLE, FOO.arn)
WITH_ID = replace(FOO, external_id="the-id")


def reported(checks):
    return [c.name for c in checks if not c.control]


def test_without_an_external_id_the_intruder_tries_once():
    assert reported(intruder_round(FOO, BAR)) == ["intruder"]
    (check,) = [c for c in intruder_round(FOO, BAR) if not c.control]
    assert check.attempt.external_id is None


def test_with_an_external_id_the_intruder_tries_the_correct_a_missing_and_a_wrong_one():
    checks = {c.name: c for c in intruder_round(WITH_ID, BAR) if not c.control}
    ids = [c.attempt.external_id for c in checks.values()]

    assert ids[:2] == ["the-id", None]
    assert ids[2] not in ("the-id", None)
    assert list(checks) == ["intruder", "intruder-without-external-id", "intruder-with-wrong-external-id"]
    assert {c.expected for c in checks.values()} == {OutcomeKind.DENIED}


def test_the_intruders_calls_have_controls_before_and_after():
    checks = intruder_round(WITH_ID, BAR)

    assert checks[0].name == WHO
    assert checks[-1].name == WHO_AGAIN
    assert all(c.controls == (WHO, PERMITTED, WHO_AGAIN) for c in checks if not c.control)


def test_the_trusted_role_needs_the_external_id():
    expected = {c.name: c.expected for c in trusted_round(WITH_ID, BAR, ()) if not c.control}
    assert expected == {
        "assume": OutcomeKind.ALLOWED,
        "assume-without-external-id": OutcomeKind.DENIED,
        "assume-with-wrong-external-id": OutcomeKind.DENIED,
    }


def test_the_external_id_of_another_role_is_tried_too():
    checks = {c.name: c for c in trusted_round(WITH_ID, BAR, (), "another-id")}

    crossed = checks["assume-with-crossed-external-id"]
    assert (crossed.attempt.external_id, crossed.expected) == ("another-id", OutcomeKind.DENIED)
    assert (
        crossed.tried == "role bar in account_b assumes role foo_bar in account_a with the external id of another role"
    )
    assert "assume-with-crossed-external-id" not in {c.name for c in trusted_round(FOO, BAR, (), "another-id")}


def test_ungranted_actions_are_tried_as_the_trusting_role_and_granted_ones_directly():
    checks = {c.name: c for c in trusted_round(FOO, BAR, CALLS)}

    assert [n for n in checks if not checks[n].control] == [
        "assume",
        "granted dynamodb:PutItem",
        "not-granted dynamodb:GetItem",
        "not-granted dynamodb:Scan",
        "direct dynamodb:PutItem",
    ]
    assert checks["granted dynamodb:PutItem"].expected is OutcomeKind.ALLOWED
    assert checks["not-granted dynamodb:GetItem"].attempt.as_role
    assert not checks["direct dynamodb:PutItem"].attempt.as_role


def test_every_refusal_has_controls_which_are_checks_of_the_same_round():
    for trusting in (FOO, WITH_ID):
        for checks in (intruder_round(trusting, BAR), trusted_round(trusting, BAR, CALLS)):
            names = {c.name: c for c in checks}
            for check in checks:
                assert bool(check.controls) is (check.expected is OutcomeKind.DENIED)
                assert all(names[control].expected is OutcomeKind.ALLOWED for control in check.controls)


def test_the_control_of_an_ungranted_action_is_a_granted_one_with_the_same_credentials():
    checks = {c.name: c for c in trusted_round(FOO, BAR, CALLS)}
    controls = checks["not-granted dynamodb:Scan"].controls

    assert "granted dynamodb:PutItem" in controls
    assert checks["granted dynamodb:PutItem"].attempt.as_role


def test_the_control_of_a_direct_call_is_the_same_call_as_the_trusting_role():
    checks = {c.name: c for c in trusted_round(FOO, BAR, CALLS)}
    assert checks["direct dynamodb:PutItem"].controls == (WHO, "granted dynamodb:PutItem", WHO_AGAIN)


def test_a_refused_call_has_the_allowed_calls_of_its_service_as_controls():
    def call(action, arn, *, allowed):
        return ResourceCall(action, arn, allowed=allowed, region="us-west-2", name=f"{action} {arn}")

    calls = (
        call("s3:ListBucket", "arn:aws:s3:::b", allowed=True),
        call("kms:DescribeKey", "arn:aws:kms:us-west-2:111111111111:key/k", allowed=True),
        call("s3:GetObject", "arn:aws:s3:::b/secret", allowed=False),
    )
    checks = {c.name: c for c in trusted_round(FOO, BAR, calls)}

    refused = checks["not-granted s3:GetObject arn:aws:s3:::b/secret"]
    assert refused.controls == (WHO_AS_ROLE, "granted s3:ListBucket arn:aws:s3:::b", WHO_AGAIN)
    assert refused.tried == ("role bar in account_b as role foo_bar in account_a calls s3:GetObject on b/secret")
    assert "direct kms:DescribeKey arn:aws:kms:us-west-2:111111111111:key/k" in checks


def test_kinds_of_calls_that_the_probe_lacks_are_reported():
    assert untried(FOO, BAR, CALLS) == ()
    assert untried(FOO, BAR, [call for call in CALLS if call.allowed]) == (
        (
            "not-granted",
            "role bar in account_b as role foo_bar in account_a makes calls that must be refused",
            "the probe of module m has no call that must be refused",
        ),
    )
    assert [name for name, _, _ in untried(FOO, BAR, [])] == ["granted", "not-granted"]
