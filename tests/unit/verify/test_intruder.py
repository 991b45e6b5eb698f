"""Calls by the operator's identity, and who refused them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.builders import BAR, FOO, B
from tests.unit.verify.answers import REFUSED_BY_TRUST, Calls, error
from tfdriver.verify.attempts import PERMITTED, WHO, WHO_AGAIN, intruder_round
from tfdriver.verify.intruder import Intruder
from tfdriver.verify.outcome import OutcomeKind

ADMIN = "arn:aws:iam::222222222222:user/admin"
ME = {"ResponseMetadata": {"RequestId": "req-me"}, "Arn": ADMIN}
BY_TRUST = error("AccessDenied", REFUSED_BY_TRUST, 403)
UNEXPLAINED = error("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y", 403)
TRUSTING = replace(FOO, external_id="the-id")


def tried(caller: str = ADMIN, **replies):
    aws = Calls(**{"get_caller_identity": ME, "assume_role": BY_TRUST} | replies)
    return aws, Intruder(aws, B, caller, TRUSTING)(intruder_round(TRUSTING, BAR))


def test_the_intruder_tries_three_external_ids_between_two_controls():
    aws, outcomes = tried()
    assert [method for method, _ in aws.asked] == ["get_caller_identity", *["assume_role"] * 3, "get_caller_identity"]
    sent = [request.get("ExternalId") for method, request in aws.asked if method == "assume_role"]
    assert sent[:2] == ["the-id", None]
    assert sent[2] not in sent[:2]
    assert {request["RoleArn"] for _, request in aws.asked[1:4]} == {FOO.arn}
    assert outcomes["intruder"].kind is OutcomeKind.DENIED
    assert outcomes["intruder"].request_id == "req-1"
    assert {outcomes[name].kind for name in (WHO, WHO_AGAIN, PERMITTED)} == {OutcomeKind.ALLOWED}


def test_an_allowed_call_is_reported_without_its_credentials():
    secret = {"Credentials": {"SecretAccessKey": "very-secret"}, "ResponseMetadata": {"RequestId": "req-2"}}
    _, outcomes = tried(assume_role=secret)

    assert outcomes["intruder"].kind is OutcomeKind.ALLOWED
    assert outcomes["intruder"].request_id == "req-2"
    assert "very-secret" not in repr(outcomes)


@pytest.mark.parametrize("kind", ["identity-based policy", "permissions boundary", "service control policy"])
def test_a_refusal_by_the_callers_own_policies_proves_nothing(kind):
    own = error("AccessDenied", f"because no {kind} allows the sts:AssumeRole action", 403)
    _, outcomes = tried(assume_role=own)

    assert outcomes[PERMITTED].kind is OutcomeKind.BROKEN
    assert kind in outcomes[PERMITTED].message


@pytest.mark.parametrize(
    ("decision", "kind"),
    [("allowed", OutcomeKind.ALLOWED), ("implicitDeny", OutcomeKind.BROKEN), ("explicitDeny", OutcomeKind.BROKEN)],
)
def test_the_simulator_is_called_once_if_aws_gives_no_reason(decision, kind):
    answer = {"EvaluationResults": [{"EvalDecision": decision}]}
    aws, outcomes = tried(assume_role=UNEXPLAINED, simulate_principal_policy=answer)
    assert outcomes[PERMITTED].kind is kind
    asked = [request for method, request in aws.asked if method == "simulate_principal_policy"]
    assert asked == [{"PolicySourceArn": ADMIN, "ActionNames": ["sts:AssumeRole"], "ResourceArns": [FOO.arn]}]


def test_a_session_is_simulated_as_its_role_with_the_roles_path():
    role = "arn:aws:iam::222222222222:role/a/path/ops"
    caller = "arn:aws:sts::222222222222:assumed-role/ops/me"
    replies = {
        "get_role": {"Role": {"Arn": role}},
        "simulate_principal_policy": {"EvaluationResults": [{"EvalDecision": "allowed"}]},
    }
    aws, _ = tried(caller, assume_role=UNEXPLAINED, **replies)

    (request,) = [request for method, request in aws.asked if method == "simulate_principal_policy"]

    assert request["PolicySourceArn"] == role


@pytest.mark.parametrize(
    ("answer", "kind"), [(error("AccessDenied"), OutcomeKind.BROKEN), (error("Throttling"), OutcomeKind.UNKNOWN)]
)
def test_a_failing_simulator_proves_nothing(answer, kind):
    _, outcomes = tried(assume_role=UNEXPLAINED, simulate_principal_policy=answer)

    assert outcomes[PERMITTED].kind is kind
    assert "SimulatePrincipalPolicy" in outcomes[PERMITTED].message


@pytest.mark.parametrize("answer", [error("Throttling"), error("InternalFailure", "", 500), error("ExpiredToken")])
def test_other_errors_are_not_refusals(answer):
    _, outcomes = tried(assume_role=answer)
    assert outcomes["intruder"].kind is OutcomeKind.UNKNOWN
