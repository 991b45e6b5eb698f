"""After a crash, in a fake world: what was made and not written down is taken over, broken states are put right."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from tests.fakes.world import Stage
from tests.unit.builders import DEEP
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.render import render
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam import trust
from tfdriver.project import generated_header, orphans
from tfdriver.project.orphans import OrphanedResource

FOO = "arn:aws:iam::111111111111:role/foo_bar"
BAR = "arn:aws:iam::222222222222:role/bar"
EXACT = trust.Trust(frozenset({BAR}))
CUT = '{"version": 4, "resou'


def folder(stage: Stage, composition: str = "account_a") -> Path:
    return stage.project / "compositions" / composition


def state(stage: Stage, composition: str = "account_a") -> Path:
    return folder(stage, composition) / "terraform.tfstate"


def listed(stage: Stage, composition: str = "account_a") -> list[str]:
    body = json.loads(state(stage, composition).read_text())
    return [r["instances"][0]["attributes"]["arn"] for r in body["resources"]]


def die(stage: Stage, what: str, content: str = "") -> None:
    stage.world.change(lambda w: w.update(die={what: content}))


def fail(stage: Stage, what: str) -> None:
    stage.world.change(lambda w: w.update(fail={what: {"error": "AccessDenied: no"}}))


def mend(stage: Stage) -> None:
    stage.world.change(lambda w: w.update(die={}, fail={}))
    stage.world.forget_calls()


def ids(stage: Stage) -> dict[str, str]:
    return {arn: role["id"] for arn, role in stage.world.data["roles"].items()}


def change_role(stage: Stage, arn: str, **fields) -> None:
    stage.world.change(lambda w: w["roles"][arn].update(fields))


def done(stage: Stage) -> bool:
    return (
        trust.read_trust(stage.world.trust("foo_bar")) == EXACT
        and listed(stage) == [FOO]
        and listed(stage, "account_b") == [BAR]
        and not list(stage.project.glob("compositions/*/imports.tf"))
    )


@pytest.mark.parametrize("content", ["", CUT])
@pytest.mark.parametrize(("composition", "arn"), [("account_a", FOO), ("account_b", BAR)])
def test_a_terraform_killed_right_after_creating_is_taken_over_from(stage, composition, arn, content):
    die(stage, f"apply {composition}", content)
    with pytest.raises(TfdriverError, match=r"killed by signal 9.*In force now"):
        stage.run(up)
    made = ids(stage)[arn]
    mend(stage)
    assert stage.run(up).exit_code is Exit.DONE
    assert done(stage)
    assert ids(stage)[arn] == made
    (kept,) = (folder(stage, composition) / ".tfdriver").glob("terraform.tfstate.broken-*")
    assert kept.read_text() == content
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert any("is kept as .tfdriver/terraform.tfstate.broken-" in said for said in stage.progress.said)


def test_what_was_taken_over_is_said(stage):
    die(stage, "apply account_b")
    with pytest.raises(TfdriverError):
        stage.run(up)
    mend(stage)
    stage.run(up)
    assert "  account_b: takes over aws_iam_role bar, which exists and is ours" in stage.progress.said
    commands = [command for command, where in stage.world.calls() if where == "account_b"]
    assert commands == ["init", "plan", "show", "plan", "show", "apply"]


@pytest.mark.parametrize("command", [up, tighten, destroy])
def test_without_any_state_nothing_is_adopted_unasked(stage, command):
    stage.run(up)
    before = stage.world.data["roles"]
    shutil.rmtree(stage.project / "compositions")
    mend(stage)

    with pytest.raises(TfdriverError, match=r"foo_bar .*state of account_a does not list it; it was created.*--adopt"):
        stage.run(command)

    assert stage.world.data["roles"] == before
    assert {c[0] for c in stage.world.calls()} == {"version"}


def test_without_any_state_adopt_takes_everything_into_a_new_one_and_nothing_is_loosened(stage):
    stage.run(up)
    before = stage.world.data["roles"]
    shutil.rmtree(stage.project / "compositions")

    stage.run(up, adopt=True)

    assert done(stage)
    assert stage.world.data["roles"] == before


def test_a_clash_does_not_count_as_an_interrupted_run(stage):
    stage.run(up)
    for name in ("terraform.tfstate", "terraform.tfstate.backup", ".tfdriver/terraform.tfstate.before"):
        (folder(stage) / name).unlink(missing_ok=True)
    error = "EntityAlreadyExists: Role with name foo_bar already exists."
    diagnostic = {"severity": "error", "summary": error, "address": "module.foo_bar.aws_iam_role.this"}
    line = json.dumps({"type": "diagnostic", "@message": error, "diagnostic": diagnostic})
    (folder(stage) / ".tfdriver/apply.jsonl").write_text(line + "\n")

    with pytest.raises(TfdriverError, match="--adopt"):
        stage.run(up)


@pytest.mark.parametrize("policy", [trust.document(EXACT), {"Statement": []}], ids=["like ours", "unmanaged"])
def test_a_strangers_role_is_refused_before_anything(stage, policy):
    stage.run(up)
    change_role(stage, FOO, tags={"team": "other"}, trust=policy)
    shutil.rmtree(stage.project / "compositions")
    mend(stage)
    before = stage.world.data["roles"]
    for command in (up, tighten):
        with pytest.raises(TfdriverError, match=r"foo_bar in account_a \(111111111111\): it exists and is not managed"):
            stage.run(command)
    assert stage.world.data["roles"] == before
    assert {c[0] for c in stage.world.calls()} == {"version"}
    assert not (stage.project / "compositions").exists()


def test_a_role_whose_tags_are_gone_is_ours_as_long_as_the_state_lists_it(stage):
    stage.run(up)
    change_role(stage, FOO, tags={})
    assert stage.run(up).exit_code is Exit.DONE


def test_destroy_leaves_a_strangers_role_alone(stage):
    stage.run(up)
    change_role(stage, FOO, tags={}, trust={"Statement": []})
    shutil.rmtree(folder(stage))
    stage.run(destroy)
    assert list(stage.world.data["roles"]) == [FOO]


def meanwhile(stage: Stage, arn: str, role: dict):
    """A confirmation during which a role turns up."""
    return lambda _view: stage.world.change(lambda w: w["roles"].update({arn: role}))


def test_a_strangers_role_that_turns_up_later_is_named_and_left_alone(stage):
    role = {"name": "bar", "account": "222222222222", "trust": {"Statement": []}, "id": "AROASTRANGER", "tags": {}}
    with (
        stage.session() as session,
        pytest.raises(TfdriverError, match=r"bar exists in account 222222222222, not managed.*terraform import"),
    ):
        up(session, meanwhile(stage, BAR, role))
    assert stage.world.data["roles"][BAR] == role


@pytest.fixture
def foo_bar_is_gone(stage: Stage) -> dict:
    """After an up elsewhere; the role that AWS shows again later."""
    stage.run(up)
    role = stage.world.data["roles"][FOO]
    shutil.rmtree(stage.project / "compositions")
    stage.world.change(lambda w: w["roles"].pop(FOO))
    return role


def test_a_role_with_our_tags_that_appears_before_phase_1_keeps_its_trust(stage, foo_bar_is_gone):
    stage.world.change(lambda w: w["roles"].pop(BAR))
    with stage.session() as session, pytest.raises(TfdriverError, match=r"aws_iam_role foo_bar exists.*--adopt"):
        up(session, meanwhile(stage, FOO, foo_bar_is_gone))
    assert stage.world.data["roles"] == {FOO: foo_bar_is_gone}

    assert stage.run(up, adopt=True).exit_code is Exit.DONE
    assert done(stage)
    assert stage.world.data["roles"][FOO]["id"] == foo_bar_is_gone["id"]


def test_a_role_of_ours_that_turns_up_during_phase_1_keeps_its_trust(stage, foo_bar_is_gone):
    """Its values were decided while it was absent: what is imported must not be opened by them."""
    stage.world.change(lambda w: w["roles"].pop(BAR))
    kept = foo_bar_is_gone | {"trust": trust.document(trust.Trust(frozenset({"AROADEADDEADDEADDEAD"})))}

    def started(composition: str, action: str) -> None:
        if (composition, action) == ("account_a", "apply"):
            stage.world.change(lambda w: w["roles"].setdefault(FOO, kept))

    stage.progress.started = started
    fail(stage, "apply account_b")
    with pytest.raises(TfdriverError, match="AccessDenied"):
        stage.run(up)
    assert stage.world.data["roles"][FOO]["trust"] == kept["trust"]
    assert listed(stage) == [FOO]


@pytest.mark.parametrize("content", ["", CUT])
def test_a_broken_state_is_replaced_by_its_copy(stage, content):
    stage.run(up)
    good = state(stage).read_text()
    mend(stage)
    state(stage).write_text(content)
    assert stage.run(up).exit_code is Exit.DONE
    assert done(stage)
    assert json.loads(state(stage).read_text())["lineage"] == json.loads(good)["lineage"]
    assert ["init", "account_a"] in stage.world.calls()


def test_a_broken_state_waits_for_the_confirmation(stage):
    stage.run(up)
    state(stage).write_text(CUT)

    def no(_view):
        raise TfdriverError("not confirmed", code="not_confirmed")

    with stage.session() as session, pytest.raises(TfdriverError, match="not confirmed"):
        up(session, no)
    assert state(stage).read_text() == CUT


def test_destroy_finds_what_a_broken_state_does_not_list(stage):
    stage.run(up)
    for composition in ("account_a", "account_b"):
        for copy in folder(stage, composition).rglob("terraform.tfstate*"):
            copy.write_text("")
    stage.run(destroy)
    assert stage.world.data["roles"] == {}
    assert not list(stage.project.glob("compositions/*/*"))


def test_destroy_finds_what_no_state_lists(stage):
    stage.run(up)
    shutil.rmtree(stage.project / "compositions")
    mend(stage)
    stage.run(destroy, adopt=True)
    assert stage.world.data["roles"] == {}
    assert [c for c in stage.world.calls() if c[1] == "account_a"] == [
        [command, "account_a"] for command in ("init", "plan", "show", "import", "destroy")
    ]


def test_destroy_of_what_is_sound_looks_for_nothing(stage):
    stage.run(up)
    mend(stage)
    stage.run(destroy)
    assert [c[0] for c in stage.world.calls()] == ["version", "init", "init", "destroy", "destroy"]


@pytest.mark.parametrize("composition", ["account_a", "account_b"])
def test_a_destroy_that_was_killed_is_ended_by_the_next(stage, composition):
    stage.run(up)
    die(stage, f"destroy {composition}", CUT)
    with pytest.raises(TfdriverError, match="killed by signal 9"):
        stage.run(destroy)
    mend(stage)
    stage.run(destroy)
    assert stage.world.data["roles"] == {}
    assert not list(stage.project.glob("compositions/*/*"))


def test_a_state_that_could_not_be_saved_is_pushed(stage):
    stage.run(up)
    errored = folder(stage) / "errored.tfstate"
    body = json.loads(state(stage).read_text())
    errored.write_text(json.dumps(body | {"serial": body["serial"] + 5}))
    mend(stage)
    assert stage.run(up).exit_code is Exit.DONE
    assert ["state", "account_a"] in stage.world.calls()
    assert not errored.exists()
    assert json.loads(state(stage).read_text())["serial"] > body["serial"] + 4


@pytest.mark.parametrize(
    ("change", "words"),
    [({"lineage": "other", "serial": 99}, "another lineage"), ({"serial": 0, "resources": []}, "not older")],
)
def test_a_state_that_does_not_fit_is_explained(stage, change, words):
    stage.run(up)
    errored = folder(stage) / "errored.tfstate"
    errored.write_text(json.dumps(json.loads(state(stage).read_text()) | change))
    before = state(stage).read_text()
    with pytest.raises(TfdriverError, match=words):
        stage.run(up)
    assert (state(stage).read_text(), errored.exists()) == (before, True)


def test_import_blocks_that_a_killed_run_left_are_dropped(stage):
    stage.run(up)
    left = orphans.import_blocks([OrphanedResource("aws_iam_role.foo_bar", "aws_iam_role", "foo_bar", "foo_bar")])
    (folder(stage) / "imports.tf").write_text(left)
    stage.run(up)
    assert done(stage)


def test_import_blocks_of_somebody_else_are_not(stage):
    stage.run(up)
    theirs = folder(stage) / "imports.tf"
    theirs.write_text("# mine\n")
    with pytest.raises(TfdriverError, match="tfdriver did not write"):
        stage.run(up)
    assert theirs.read_text() == "# mine\n"


def test_files_with_json_that_python_cannot_read_are_as_broken_as_cut_ones(stage):
    stage.run(up)
    (folder(stage) / ".terraform").mkdir()
    for name in ("terraform.tfstate", ".terraform/terraform.tfstate", ".tfdriver/place.json"):
        (folder(stage) / name).write_text(DEEP)
    stage.run(up)
    assert done(stage)


def test_values_that_cannot_be_read_are_named_though_their_digest_fits(stage):
    stage.run(up)
    (folder(stage) / "terraform.tfvars.json").write_text(generated_header.json_member(DEEP))
    with pytest.raises(TfdriverError, match="is not a valid tfvars JSON object") as caught:
        render(stage.project, stage.time.now())
    assert caught.value.where.endswith("account_a/terraform.tfvars.json")
