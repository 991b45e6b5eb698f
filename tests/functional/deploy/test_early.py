"""A trusting role is tightened while the rest of the trusted side's apply still runs, in a fake world."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, OpenTrustError
from tfdriver.iam import trust

EXACT = trust.Trust(frozenset({"arn:aws:iam::222222222222:role/bar"}))


def finish_after(stage: Stage, composition: str, then: str = "apply account_a") -> None:
    """Let the apply of a composition wait for the end of another command after its last change."""
    stage.world.change(lambda w: w.update(wait={f"apply {composition}": then}))


def trusted(stage: Stage) -> trust.Trust | None:
    return trust.read_trust(stage.world.trust("foo_bar"))


def test_the_trust_is_exact_before_the_trusted_side_is_done(stage):
    finish_after(stage, "account_b")

    done = stage.run(up)

    assert done.exit_code is Exit.DONE
    assert trusted(stage) == EXACT
    assert [(s.phase, s.composition) for s in done.steps] == [
        ("broad", "account_a"),
        ("connect", "account_b"),
        ("tighten", "account_a"),
    ]


def test_a_trusted_side_that_fails_after_its_roles_exist_is_reported_after_the_trust_is_exact(stage):
    finish_after(stage, "account_b")
    stage.world.change(lambda w: w.update(fail={"apply account_b": {"error": "no function", "after": 1}}))

    with pytest.raises(Exception, match="no function") as caught:
        stage.run(up)

    assert not isinstance(caught.value, OpenTrustError)
    assert trusted(stage) == EXACT


def test_ctrl_c_during_the_trusted_apply_stops_before_the_trust_is_tightened(stage):
    def phase(title):
        if "phase 3" in title:
            stage.interrupts.request()

    stage.progress.phase = phase

    with pytest.raises(OpenTrustError, match=r"In force now"):
        stage.run(up)

    assert trusted(stage).broad
