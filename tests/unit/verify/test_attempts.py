"""The calls that verify a pair, and their controls."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.builders import BAR, FOO
from tfdriver.verify.attempts import PERMITTED, WHO, WHO_AGAIN, function_round, intruder_round, untried
from tfdriver.verify.outcome import OutcomeKind
from tfdriver.verify.probes import TableProbe

TABLE = TableProbe(
    table_name="T",
    hash_key="K",
    region="us-west-2",
    granted=("dynamodb:PutItem",),
    not_granted=("dynamodb:GetItem", "dynamodb:Scan"),
)
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
    expected = {c.name: c.expected for c in function_round(WITH_ID, BAR, None) if not c.control}
    assert expected == {
        "assume": OutcomeKind.ALLOWED,
        "assume-without-external-id": OutcomeKind.DENIED,
        "assume-with-wrong-external-id": OutcomeKind.DENIED,
    }


def test_ungranted_actions_are_tried_as_the_trusting_role_and_granted_ones_directly():
    checks = {c.name: c for c in function_round(FOO, BAR, TABLE)}

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
        for checks in (intruder_round(trusting, BAR), function_round(trusting, BAR, TABLE)):
            names = {c.name: c for c in checks}
            for check in checks:
                assert bool(check.controls) is (check.expected is OutcomeKind.DENIED)
                assert all(names[control].expected is OutcomeKind.ALLOWED for control in check.controls)


def test_the_control_of_an_ungranted_action_is_a_granted_one_with_the_same_credentials():
    checks = {c.name: c for c in function_round(FOO, BAR, TABLE)}
    controls = checks["not-granted dynamodb:Scan"].controls

    assert "granted dynamodb:PutItem" in controls
    assert checks["granted dynamodb:PutItem"].attempt.as_role


def test_the_control_of_a_direct_call_is_the_same_call_as_the_trusting_role():
    checks = {c.name: c for c in function_round(FOO, BAR, TABLE)}
    assert checks["direct dynamodb:PutItem"].controls == (WHO, "granted dynamodb:PutItem", WHO_AGAIN)


def test_checks_without_actions_in_the_probe_are_reported():
    assert untried(FOO, BAR, TABLE) == ()
    found = untried(FOO, BAR, TABLE.model_copy(update={"not_granted": ()}))
    assert found == (
        (
            "not-granted",
            "role bar in account_b as role foo_bar in account_a makes calls on T that are not granted",
            "the probe of module m names no action as `not_granted`",
        ),
    )
    assert [name for name, _, _ in untried(FOO, BAR, TABLE.model_copy(update={"granted": ()}))] == ["granted"]
