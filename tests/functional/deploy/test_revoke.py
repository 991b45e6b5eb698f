"""tighten --revoke-sessions in a fake world: planned, kept while it serves, removed afterwards."""

from __future__ import annotations

import json

from tests.fakes.world import Stage
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.render import render
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit


def revoked(stage: Stage) -> str:
    return next(r["revoked"] for r in stage.world.data["roles"].values() if r["name"] == "foo_bar")


def values(stage: Stage) -> dict:
    return json.loads((stage.project / "compositions/account_a/terraform.tfvars.json").read_text())


def has_file(stage: Stage) -> bool:
    return (stage.project / "compositions/account_a/revoke.tf").exists()


def applies(stage: Stage) -> int:
    return len([c for c in stage.world.calls() if c[0] == "apply"])


def test_it_is_applied_after_the_trust_is_tight(stage: Stage):
    stage.run(up, tighten=False)
    before = applies(stage)
    done = stage.run(tighten, revoke_sessions=True)
    assert done.exit_code is Exit.DONE
    assert applies(stage) == before + 2
    (told,) = done.revocations
    assert (told.role, told.text) == ("foo_bar", revoked(stage))
    assert values(stage)["revoke_sessions_before"] == {"foo_bar": revoked(stage)}
    assert has_file(stage)


def test_on_a_trust_that_is_tight_it_takes_one_apply_and_says_until_when(stage: Stage):
    stage.run(up)
    before, at = applies(stage), stage.time.now()
    done = stage.run(tighten, revoke_sessions=True)
    assert applies(stage) == before + 1
    (told,) = done.revocations
    assert 0 < (told.before - at).total_seconds() <= 2
    assert "sessions of role foo_bar in account_a handed out before 2026-01-02" in str(told)


def test_while_it_serves_every_run_keeps_it_as_it_is(stage: Stage):
    stage.run(up)
    stage.run(tighten, revoke_sessions=True)
    first, before = revoked(stage), applies(stage)
    stage.time.sleep(3000)
    done = stage.run(tighten)
    assert (applies(stage), len(done.revocations)) == (before, 0)
    with stage.session("plan") as session:
        assert not plan(session).differences
    steps = stage.run(up).steps
    assert all((s.added, s.changed, s.removed) == (0, 0, 0) for s in steps)
    assert revoked(stage) == first
    assert has_file(stage)


def test_asked_again_it_starts_again(stage: Stage):
    stage.run(up)
    stage.run(tighten, revoke_sessions=True)
    first = revoked(stage)
    stage.time.sleep(60)
    stage.run(tighten, revoke_sessions=True)
    assert revoked(stage) > first


def test_tighten_removes_it_once_it_has_served(stage: Stage):
    stage.run(up)
    stage.run(tighten, revoke_sessions=True)
    stage.time.sleep(3700)
    done = stage.run(tighten)
    assert revoked(stage) == ""
    assert (done.revocations, has_file(stage)) == ((), False)
    assert "revoke_sessions_before" not in values(stage)


def test_up_removes_it_once_it_has_served(stage: Stage):
    stage.run(up)
    stage.run(tighten, revoke_sessions=True)
    stage.time.sleep(3700)
    stage.run(up)
    assert revoked(stage) == ""
    assert not has_file(stage)


def test_destroy_takes_it_along(stage: Stage):
    stage.run(up)
    stage.run(tighten, revoke_sessions=True)
    stage.run(destroy)
    assert stage.world.data["roles"] == {}
    assert not list((stage.project / "compositions").glob("*/*"))


def rendered(stage: Stage, hours: float) -> dict:
    stage.time.sleep(hours * 3600)
    render(stage.project, stage.time.now())
    return values(stage)


def test_render_keeps_it_while_a_session_may_live(stage: Stage):
    stage.run(up)
    stage.run(tighten, revoke_sessions=True)
    before = values(stage)
    assert rendered(stage, hours=11.9) == before
    assert has_file(stage)


def test_render_leaves_it_out_once_no_session_can_live(stage: Stage):
    stage.run(up)
    stage.run(tighten, revoke_sessions=True)
    assert "revoke_sessions_before" not in rendered(stage, hours=12.1)
    assert not has_file(stage)


def test_render_is_the_same_without_one(stage: Stage):
    stage.run(up)
    before = values(stage)
    assert rendered(stage, hours=0) == before
