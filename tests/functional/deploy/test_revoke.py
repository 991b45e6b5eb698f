"""tighten --revoke-sessions in a fake world: planned, kept while it is needed, removed afterwards."""

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


def test_sessions_are_revoked_after_the_trust_is_exact(stage: Stage):
    stage.after_up(tighten=False)
    before = applies(stage)

    done = stage.run(tighten, revoke_sessions=True)

    assert done.exit_code is Exit.DONE
    assert applies(stage) == before + 2
    (revocation,) = done.revocations
    assert (revocation.role, revocation.text) == ("foo_bar", revoked(stage))
    assert values(stage)["revoke_sessions_before"] == {"foo_bar": revoked(stage)}
    assert has_file(stage)


def test_with_an_exact_trust_sessions_are_revoked_in_one_apply(stage: Stage):
    stage.after_up()
    before, at = applies(stage), stage.time.now()

    done = stage.run(tighten, revoke_sessions=True)

    assert applies(stage) == before + 1
    (revocation,) = done.revocations
    assert 0 < (revocation.before - at).total_seconds() <= 2
    assert "sessions of role foo_bar in account_a issued before 2026-01-02" in str(revocation)


def test_a_revocation_that_is_needed_stays_unchanged(stage: Stage):
    stage.after_up()
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


def test_a_second_revocation_replaces_the_first(stage: Stage):
    stage.after_up()
    stage.run(tighten, revoke_sessions=True)
    first = revoked(stage)
    stage.time.sleep(60)

    stage.run(tighten, revoke_sessions=True)

    assert revoked(stage) > first


def test_tighten_removes_a_revocation_that_is_no_longer_needed(stage: Stage):
    stage.after_up()
    stage.run(tighten, revoke_sessions=True)
    stage.time.sleep(3700)

    done = stage.run(tighten)

    assert revoked(stage) == ""
    assert (done.revocations, has_file(stage)) == ((), False)
    assert "revoke_sessions_before" not in values(stage)


def test_up_removes_a_revocation_that_is_no_longer_needed(stage: Stage):
    stage.after_up()
    stage.run(tighten, revoke_sessions=True)
    stage.time.sleep(3700)

    stage.run(up)

    assert revoked(stage) == ""
    assert not has_file(stage)


def test_destroy_deletes_the_revocation(stage: Stage):
    stage.after_up()
    stage.run(tighten, revoke_sessions=True)

    stage.run(destroy)

    assert stage.world.data["roles"] == {}
    assert not list((stage.project / "compositions").glob("*/*"))


def rendered(stage: Stage, hours: float) -> dict:
    stage.time.sleep(hours * 3600)
    render(stage.project, stage.time.now())
    return values(stage)


def test_render_keeps_the_revocation_until_the_longest_session_has_expired(stage: Stage):
    stage.after_up()
    stage.run(tighten, revoke_sessions=True)
    before = values(stage)

    assert rendered(stage, hours=11.9) == before
    assert has_file(stage)


def test_render_removes_the_revocation_once_all_sessions_have_expired(stage: Stage):
    stage.after_up()
    stage.run(tighten, revoke_sessions=True)

    assert "revoke_sessions_before" not in rendered(stage, hours=12.1)
    assert not has_file(stage)


def test_render_without_a_revocation_changes_nothing(stage: Stage):
    stage.after_up()
    before = values(stage)

    assert rendered(stage, hours=0) == before
