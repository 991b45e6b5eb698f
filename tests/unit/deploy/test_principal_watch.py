"""Noticing that IAM refuses a principal."""

from __future__ import annotations

import pytest

from tests.fakes.world import FakeClock
from tests.unit.builders import A, B, role
from tfdriver.deploy.principal_watch import SECONDS, PrincipalWatch
from tfdriver.iam.trust_state import LiveRole
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.events import Event
from tfdriver.terraform.failure import TerraformError

SCAN = "arn:aws:iam::333333333333:role/scan"
FOO = role("foo", A, trusted_arns=(SCAN,))
ADDRESS = "module.foo.aws_iam_role.this"
COMPOSITION = Composition("account_a", "p", A, Side.TRUSTING, (FOO,))


def live(principal: str) -> LiveRole:
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}]}
    return LiveRole(FOO.arn, "AROAFOO", policy, {})


def watch(found: LiveRole | None, time: FakeClock, unsure: tuple[str, ...] = (SCAN,)) -> PrincipalWatch:
    made = PrincipalWatch(COMPOSITION, {"foo": unsure}, lambda _: found, time.clock())
    made.follow(Event("apply_start", "", ADDRESS, "create", resource_type="aws_iam_role"))
    return made


@pytest.mark.parametrize("found", [None, live("arn:aws:iam::222222222222:role/bar")])
def test_a_role_that_does_not_get_the_principal_in_time_is_stuck(found):
    time = FakeClock()
    made = watch(found, time)
    assert not made.stuck()

    time.sleep(SECONDS + 1)

    assert set(made.stuck()) == {ADDRESS}
    refusal = made.refusal(TerraformError("context canceled"))
    assert refusal is not None
    assert refusal.code == "principal_refused"
    assert SCAN in refusal.what
    assert "owner of account 333333333333" in refusal.hint


def test_a_refused_principal_of_an_outputs_json_shows_that_the_file_is_stale():
    bar = role("bar", B)
    stale = Composition("account_b", "p", B, Side.TRUSTED, (bar,))
    made = PrincipalWatch(COMPOSITION, {"foo": (bar.arn,)}, lambda _: None, FakeClock().clock(), {bar.arn: stale})

    refusal = made.refusal(TerraformError(f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{bar.arn}"'))

    assert refusal is not None
    assert refusal.what.endswith(
        "compositions/account_b/outputs.json is stale: the role was deleted after it was written"
    )
    assert "Ask the owner of account_b to run `tfdriver up --only account_b`" in refusal.hint


def test_a_role_with_the_principal_is_not_stuck_however_long_the_rest_takes():
    time = FakeClock()
    made = watch(live(SCAN), time)

    time.sleep(SECONDS + 1)

    assert not made.stuck()
    assert made.refusal(TerraformError("another reason")) is None


@pytest.mark.parametrize("kind", ["apply_complete", "apply_errored"])
def test_a_role_that_is_done_is_not_stuck(kind):
    time = FakeClock()
    made = watch(None, time)
    made.follow(Event(kind, "", ADDRESS, "create", resource_type="aws_iam_role"))

    time.sleep(SECONDS + 1)

    assert not made.stuck()


def test_only_roles_with_principals_that_nobody_could_read_are_followed():
    time = FakeClock()
    made = watch(None, time, ())

    time.sleep(SECONDS + 1)

    assert not made.stuck()


def test_the_message_of_iam_says_which_principal_it_refuses():
    other = "arn:aws:iam::444444444444:role/other"
    made = watch(None, FakeClock(), (SCAN, other))

    refusal = made.refusal(TerraformError(f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{other}"'))

    assert refusal is not None
    assert other in refusal.what
    assert SCAN not in refusal.what
