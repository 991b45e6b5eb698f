"""Hints for calls that AWS refused although both policies allow them now."""

from __future__ import annotations

import pytest

from tfdriver.aws.role_policies import NamedPolicy, RolePolicies
from tfdriver.inspect.allowed_now import allowed_now
from tfdriver.inspect.refusal import Cause, Refusal, refusal_meaning
from tfdriver.inspect.verdict import DocumentVerdict, Verdict

VERDICT = Verdict("foo_bar", "a", "bar", "b", DocumentVerdict(True, ""), DocumentVerdict(True, ""))
FREE = RolePolicies(())
BOUNDED = RolePolicies((), NamedPolicy("edge", "arn:edge", {}))


def hint(cause: Cause, *, policies: RolePolicies = FREE, explicit: bool = False, policy: str = "") -> str:
    refusal = Refusal(action="sts:AssumeRole", cause=cause, explicit=explicit, policy=policy)
    return allowed_now(refusal, refusal_meaning(refusal), VERDICT, policies)


def test_an_existing_boundary_is_named():
    assert hint(Cause.BOUNDARY, policies=BOUNDED).startswith("Look at the permissions boundary edge of role bar in b.")
    assert hint(Cause.BOUNDARY).startswith("No permissions boundary is set on role bar in b now. Try again")


def test_a_policy_named_by_aws_is_named():
    assert hint(Cause.IDENTITY, explicit=True, policy="arn:no").startswith("Look at policy arn:no of role bar in b.")


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("explicit", [False, True])
def test_external_ids_and_organizations_are_mentioned_only_for_their_causes(cause, explicit):
    found = hint(cause, explicit=explicit)
    assert ("external id" in found) is (cause in (Cause.TRUST, Cause.RESOURCE))
    if cause is not Cause.UNKNOWN:
        assert ("organization" in found) is (cause in (Cause.SCP, Cause.RCP))
