"""A command that stops before any change reports the broad trusts in force."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.interrupts import InterruptedRunError

OPEN = "In force now: role foo_bar in account_a trusts account 222222222222, only as role/bar"


@pytest.fixture
def opened(stage: Stage) -> Stage:
    stage.after_up(tighten=False)
    return stage


def wrong_account_b(stage: Stage) -> None:
    stage.aws.callers = {"account_b": "999999999999"}


def no_terraform(stage: Stage) -> None:
    stage.environ["TFDRIVER_TERRAFORM"] = "/nowhere/terraform"


def unmanaged_file(stage: Stage) -> None:
    (stage.project / "compositions/account_a/z_override.tf").write_text("")


@pytest.mark.parametrize("breaks", [wrong_account_b, no_terraform, unmanaged_file])
@pytest.mark.parametrize("command", ["up", "destroy", "plan", "verify"])
def test_the_open_trust_is_reported(opened, breaks, command):
    breaks(opened)

    with pytest.raises(OpenTrustError) as caught, opened.session(command):
        pass

    assert OPEN in caught.value.in_force
    assert "In force" not in caught.value.what
    assert "Run `tfdriver tighten` to close the trust" in caught.value.hint


def test_a_second_run_reports_the_open_trust(opened):
    with (
        opened.session(),
        pytest.raises(OpenTrustError, match=r"another run is in progress.*In force now"),
        opened.session(),
    ):
        pass


def test_an_invalid_spec_reports_the_recorded_trust(opened):
    (opened.project / "tfdriver.yaml").write_text("version: 7\n")

    with pytest.raises(
        OpenTrustError, match="had a broad trust and may still trust account 222222222222, only as role/bar"
    ):
        opened.run(up)


def test_an_account_without_access_reports_the_recorded_trust(opened):
    opened.aws.callers = {"account_a": "999999999999"}

    with pytest.raises(OpenTrustError, match="cannot be read now: role foo_bar in account_a had a broad trust"):
        opened.run(up)


def test_an_expired_trust_is_not_reported(opened):
    no_terraform(opened)
    opened.time.sleep(7200)

    with pytest.raises(TfdriverError) as caught:
        opened.run(up)

    assert caught.value.exit_code is Exit.FAILED


def test_a_readable_trust_is_taken_from_aws_and_not_from_the_timeline(opened):
    timeline = opened.project / "compositions/timeline.jsonl"
    still_open = timeline.read_text()
    opened.run(tighten)
    timeline.write_text(still_open)
    no_terraform(opened)

    with pytest.raises(TfdriverError) as caught:
        opened.run(up)
    assert caught.value.exit_code is Exit.FAILED


@pytest.mark.parametrize("unreadable", ["account_b in another account", "iam:GetRole refused"])
def test_tighten_needs_only_the_trusting_side(opened, unreadable):
    if unreadable == "iam:GetRole refused":
        opened.aws.unreadable.add("bar")
    else:
        wrong_account_b(opened)

    assert opened.run(tighten).exit_code is Exit.DONE


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_trust_of_a_deleted_role_is_not_tightened_to_an_unreadable_role(opened, overwrite):
    opened.run(tighten)
    statement = {"Effect": "Allow", "Principal": {"AWS": "AROADEADDEADDEADDEAD"}, "Action": "sts:AssumeRole"}
    condition = {"StringEquals": {"sts:ExternalId": "an old one"}} if overwrite else {}
    policy = {"Statement": [statement | ({"Condition": condition} if condition else {})]}
    opened.world.change(lambda w: next(r for r in w["roles"].values() if r["name"] == "foo_bar").update(trust=policy))
    wrong_account_b(opened)

    with pytest.raises(TfdriverError, match="role foo_bar in account_a trusts a deleted role"):
        opened.run(tighten, overwrite=overwrite)

    assert opened.world.trust("foo_bar") == policy


def test_an_interrupted_verify_reports_the_open_trust(opened):
    with pytest.raises(OpenTrustError, match="In force now"), opened.session("verify"):
        raise InterruptedRunError("stopped by SIGINT")


def test_an_unexpected_error_reports_the_open_trust(opened):
    with pytest.raises(OpenTrustError, match=r"unexpected RuntimeError.*In force now"), opened.session("up"):
        raise RuntimeError("a bug")
