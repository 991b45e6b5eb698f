"""The timeline in a fake world: the next run records the changes of a killed run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes.world import Stage
from tests.functional.deploy.test_recovery import FOO, TRUNCATED, change_role, die, repair
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.project import timeline


def path(stage: Stage):
    return stage.project / "compositions" / timeline.FILE


def kinds(stage: Stage) -> list[tuple[str, bool]]:
    return [(change.kind, change.seen) for change in timeline.read_timeline(path(stage))]


@pytest.fixture
def stage(stage) -> Stage:
    """Set Terraform's clock to a minute ago."""
    stage.world.change(lambda w: w.update(now=(stage.time.now() - timedelta(minutes=1)).isoformat()))
    return stage


def refuse(_view):
    raise TfdriverError("not confirmed", code="not_confirmed")


def test_a_role_of_a_killed_terraform_is_recorded_and_tightened_by_the_next_run(stage):
    die(stage, "apply account_a", TRUNCATED)
    with pytest.raises(OpenTrustError, match="In force now"):
        stage.run(up)
    assert kinds(stage) == [("broad", True)]
    (window,) = timeline.exposures(timeline.read_timeline(path(stage)), stage.time.now())
    assert (window.seconds, window.closed) == (60, None)
    repair(stage)
    stage.run(up)
    assert kinds(stage) == [("broad", True), ("exact", False)]


def test_a_trust_of_a_killed_run_is_recorded_before_the_confirmation(stage):
    stage.run(up, tighten=False)
    path(stage).unlink()
    with stage.session() as session, pytest.raises(TfdriverError, match="not confirmed"):
        up(session, refuse)
    assert kinds(stage) == [("broad", True)]
    stage.world.change(lambda w: w.update(now=(stage.time.now() + timedelta(minutes=1)).isoformat()))
    (window,) = stage.run(tighten).exposures
    assert (round(window.seconds), window.seen) == (120, True)
    assert window.closed


def test_plan_records_nothing(stage):
    stage.run(up, tighten=False)
    path(stage).unlink()
    with stage.session("plan"):
        pass
    assert not path(stage).exists()


def test_up_records_nothing_for_an_exact_role(stage):
    stage.run(up)
    before = path(stage).read_bytes()
    stage.run(up)
    assert path(stage).read_bytes() == before
    path(stage).unlink()
    stage.run(up)
    assert not path(stage).exists()


def test_a_role_deleted_outside_terraform_is_recorded_as_gone(stage):
    stage.run(up)
    stage.world.change(lambda w: w["roles"].pop(FOO))
    stage.run(up)
    assert kinds(stage) == [("broad", False), ("exact", False), ("gone", True), ("exact", False)]


def test_a_destroyed_role_is_recorded_as_gone(stage):
    assert len(stage.run(up, tighten=False).exposures) == 1
    stage.world.change(lambda w: w.update(now=(stage.time.now() + timedelta(minutes=1)).isoformat()))
    assert stage.run(destroy).exposures == ()
    assert kinds(stage) == [("broad", False), ("gone", False)]


def test_a_broad_trust_of_an_unmanaged_role_is_not_recorded(stage):
    stage.run(up, tighten=False)
    path(stage).unlink()
    change_role(stage, FOO, tags={"team": "other"})
    with stage.session():
        pass
    assert not path(stage).exists()


def test_an_unwritable_timeline_causes_one_warning(stage):
    path(stage).mkdir(parents=True)
    assert stage.run(up).exit_code is Exit.DONE
    warnings = [note for note in stage.progress.said if note.startswith("warning: the timeline cannot be")]
    assert len(warnings) == 1
