"""Policies that IAM has, held against Terraform's state and the spec."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.unit.builders import BAR, FOO
from tfdriver.deploy.verified import CheckedRoles, CheckStatus
from tfdriver.iam import trust, wanted_policies
from tfdriver.iam.trust_state import LiveRole, Unreadable, classify
from tfdriver.iam.wanted_policies import WantedPolicies
from tfdriver.verify.policy_checks import permissions_check, trust_check

NOW = datetime(2026, 1, 2, tzinfo=UTC)
POLICY = "arn:aws:iam::111111111111:policy/foo_bar_permissions"
PUT = {"Statement": [{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "arn:t"}]}
WIDE = {"Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:t"}]}
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}


def managed(kind: str, **attributes):
    return {"mode": "managed", "type": kind, "name": "x", "instances": [{"attributes": attributes}]}


def state(**role):
    return {
        "version": 4,
        "outputs": {"probes": {"value": {"foo_bar": None}}},
        "resources": [
            managed("aws_iam_role", name="foo_bar", assume_role_policy=json.dumps(TRUST), **role),
            managed("aws_iam_policy", arn=POLICY, policy=json.dumps(PUT)),
            managed("aws_iam_role_policy_attachment", role="foo_bar", policy_arn=POLICY),
            managed("aws_iam_role_policy_attachment", role="other", policy_arn=ADMIN),
            managed("aws_iam_role_policy", role="foo_bar", name="extra", policy=json.dumps(PUT)),
            {"mode": "data", "type": "aws_iam_policy", "instances": [{"attributes": {"arn": POLICY, "policy": "{}"}}]},
        ],
    }


WANTED = WantedPolicies(TRUST, "", {POLICY: PUT}, {"extra": PUT})


def test_the_state_says_which_policies_a_role_is_to_have():
    assert wanted_policies.wanted_policies(state(), "foo_bar") == WANTED
    assert wanted_policies.wanted_policies(state(), "nobody") is None
    assert wanted_policies.wanted_policies({}, "foo_bar") is None


def planned(**values):
    return [{"mode": "managed", "values": v, "type": kind, "address": "a", "name": "x"} for kind, v in values.items()]


def test_a_plan_says_it_too_in_modules_within_modules():
    """Shaped as `terraform show -json` shows a plan; what an apply is still to make has no ARN."""
    role = {"name": "foo_bar", "assume_role_policy": json.dumps(TRUST)}
    inner = {"resources": planned(aws_iam_role_policy={"role": "foo_bar", "name": "extra", "policy": json.dumps(PUT)})}
    middle = {
        "resources": planned(
            aws_iam_role=role,
            aws_iam_policy={"arn": POLICY, "policy": json.dumps(PUT)},
            aws_iam_role_policy_attachment={"role": "foo_bar", "policy_arn": POLICY},
        ),
        "child_modules": [inner],
    }
    shown = {"planned_values": {"root_module": {"child_modules": [middle]}}, "prior_state": {"ignored": True}}
    assert wanted_policies.wanted_policies(wanted_policies.as_state(shown), "foo_bar") == WANTED
    assert wanted_policies.wanted_policies(wanted_policies.as_state({}), "foo_bar") is None


def of_plan(policy, attachment):
    resources = planned(
        aws_iam_role={"name": "foo_bar", "assume_role_policy": json.dumps(TRUST)},
        aws_iam_policy=policy,
        aws_iam_role_policy_attachment=attachment,
    )
    found = wanted_policies.wanted_policies(
        wanted_policies.as_state({"planned_values": {"root_module": {"resources": resources}}}), "foo_bar"
    )
    assert found is not None
    return found


def test_a_policy_that_is_still_to_be_applied_is_not_attached():
    wanted = of_plan({"policy": json.dumps(PUT)}, {"role": "foo_bar"})
    found = checked(WantedPolicies(TRUST), wanted)
    assert (found.verdict, found.happened) == (
        CheckStatus.FAILED,
        "a policy that is still to be applied is not attached",
    )


def test_a_policy_of_which_the_plan_cannot_tell_the_text_is_inconclusive():
    """A policy on a table that is still to be made has the table's ARN in it."""
    wanted = of_plan({"arn": POLICY}, {"role": "foo_bar", "policy_arn": POLICY})
    found = checked(WantedPolicies(TRUST, "", {POLICY: None}), wanted)
    assert found.verdict is CheckStatus.INCONCLUSIVE
    assert found.happened == f"{POLICY}: what it is to say is known only once it is applied"


def test_outputs_come_from_the_state():
    assert wanted_policies.outputs(state(), "probes") == {"foo_bar": None}
    assert wanted_policies.outputs({}, "probes") is None


def checked(live: WantedPolicies, wanted: WantedPolicies = WANTED, trusting: bool = False):
    return permissions_check(FOO, CheckedRoles("foo_bar", ""), wanted, live, trusting=trusting)


def test_the_same_policies_are_passed():
    found = checked(WANTED)
    assert (found.verdict, found.happened) == (CheckStatus.PASSED, "the same, 2 policies")


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (WantedPolicies(TRUST, "", {POLICY: WIDE}, {"extra": PUT}), "IAM has Allow dynamodb:* on arn:t instead of"),
        (WantedPolicies(TRUST, "", {POLICY: PUT}, {"extra": WIDE}), "inline policy extra: IAM has Allow dynamodb:*"),
        (WantedPolicies(TRUST, "", {POLICY: PUT, ADMIN: None}, {"extra": PUT}), f"{ADMIN} is attached, by no resource"),
        (WantedPolicies(TRUST, "", {}, {"extra": PUT}), f"{POLICY} is not attached"),
        (WantedPolicies(TRUST, "", {POLICY: PUT}, {}), "there is no inline policy extra"),
        (
            WantedPolicies(TRUST, "", {POLICY: PUT}, {"extra": PUT, "by-hand": PUT}),
            "an inline policy by-hand, by no resource",
        ),
        (WantedPolicies(TRUST, "arn:b", {POLICY: PUT}, {"extra": PUT}), "its permissions boundary is arn:b, not none"),
        (WantedPolicies(PUT, "", {POLICY: PUT}, {"extra": PUT}), "trust policy: IAM has"),
    ],
)
def test_every_difference_is_found_and_named(live, words):
    found = checked(live)
    assert found.verdict is CheckStatus.FAILED
    assert words in found.happened


def test_the_trust_of_a_trusting_role_has_a_check_of_its_own():
    live = WantedPolicies(PUT, "", {POLICY: PUT}, {"extra": PUT})
    assert checked(live, trusting=True).verdict is CheckStatus.PASSED


def test_what_only_the_role_itself_knows_of_is_inconclusive():
    wanted = wanted_policies.wanted_policies(state(managed_policy_arns=[POLICY, ADMIN]), "foo_bar")
    live = WantedPolicies(TRUST, "", {POLICY: PUT, ADMIN: None}, {"extra": PUT})
    assert wanted is not None
    assert checked(live, wanted).verdict is CheckStatus.INCONCLUSIVE
    live = WantedPolicies(TRUST, "", {POLICY: WIDE, ADMIN: None}, {"extra": PUT})
    assert checked(live, wanted).verdict is CheckStatus.FAILED


def trusted(seen):
    return trust_check(classify(FOO, [BAR], seen, {BAR.arn: "AROABAR"}), (BAR,), NOW)


def live_role(given: trust.Trust):
    return LiveRole(FOO.arn, "AROAFOO", trust.document(given), {})


def test_an_exact_trust_is_passed_with_the_document_as_evidence():
    found = trusted(live_role(trust.exact([BAR])))
    assert found.verdict is CheckStatus.PASSED
    assert BAR.arn in found.evidence.said
    assert found.expected == "trusts 222222222222:role/bar"


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        (
            live_role(trust.broad(FOO, [BAR], NOW)),
            CheckStatus.FAILED,
            "broad: trusts account 222222222222, only as role/bar",
        ),
        (
            live_role(trust.Trust(frozenset({"AROADEAD"}))),
            CheckStatus.FAILED,
            "orphaned: trusts the deleted role AROADEAD",
        ),
        (None, CheckStatus.FAILED, "does not exist"),
        (Unreadable("no credentials"), CheckStatus.INCONCLUSIVE, "unreadable: no credentials"),
        (
            live_role(trust.Trust(frozenset({"arn:aws:iam::333333333333:root"}))),
            CheckStatus.FAILED,
            "unmanaged: it trusts",
        ),
    ],
)
def test_any_other_trust_is_found_and_named(seen, verdict, words):
    found = trusted(seen)
    assert found.verdict is verdict
    assert words in found.happened
