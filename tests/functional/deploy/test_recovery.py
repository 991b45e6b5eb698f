"""Recovery after a crash, in a fake world: orphaned resources are adopted, broken states are repaired."""

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
TRUNCATED = '{"version": 4, "resou'


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


def repair(stage: Stage) -> None:
    stage.world.change(lambda w: w.update(die={}, fail={}))
    stage.world.forget_calls()


def ids(stage: Stage) -> dict[str, str]:
    return {arn: role["id"] for arn, role in stage.world.data["roles"].items()}


def change_role(stage: Stage, arn: str, **fields) -> None:
    stage.world.change(lambda w: w["roles"][arn].update(fields))


def converged(stage: Stage) -> bool:
    return (
        trust.read_trust(stage.world.trust("foo_bar")) == EXACT
        and listed(stage) == [FOO]
        and listed(stage, "account_b") == [BAR]
        and not list(stage.project.glob("compositions/*/imports.tf"))
    )


@pytest.mark.parametrize("content", ["", TRUNCATED])
@pytest.mark.parametrize(("composition", "arn"), [("account_a", FOO), ("account_b", BAR)])
def test_resources_of_a_killed_terraform_are_adopted(stage, composition, arn, content):
    die(stage, f"apply {composition}", content)
    with pytest.raises(TfdriverError, match=r"killed by signal 9.*In force now"):
        stage.run(up)
    created = ids(stage)[arn]
    repair(stage)
    assert stage.run(up).exit_code is Exit.DONE
    assert converged(stage)
    assert ids(stage)[arn] == created
    (kept,) = (folder(stage, composition) / ".tfdriver").glob("terraform.tfstate.broken-*")
    assert kept.read_text() == content
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert any("is kept as .tfdriver/terraform.tfstate.broken-" in line for line in stage.progress.said)


def test_adopted_resources_are_reported(stage):
    die(stage, "apply account_b")
    with pytest.raises(TfdriverError):
        stage.run(up)
    repair(stage)
    stage.run(up)
    assert "  account_b: adopting aws_iam_role bar, which is missing from state" in stage.progress.said
    commands = [command for command, where in stage.world.calls() if where == "account_b"]
    assert commands == ["init", "plan", "show", "plan", "show", "apply"]


@pytest.mark.parametrize("command", [up, tighten, destroy])
def test_without_a_state_nothing_is_adopted_unless_requested(stage, command):
    stage.after_up()
    before = stage.world.data["roles"]
    shutil.rmtree(stage.project / "compositions")
    repair(stage)

    with pytest.raises(TfdriverError, match=r"foo_bar .*state of account_a does not list it; it was created.*--adopt"):
        stage.run(command)

    assert stage.world.data["roles"] == before
    assert {c[0] for c in stage.world.calls()} == {"version"}


def test_without_a_state_adopt_imports_everything_and_widens_no_trust(stage):
    stage.after_up()
    before = stage.world.data["roles"]
    shutil.rmtree(stage.project / "compositions")

    stage.run(up, adopt=True)

    assert converged(stage)
    assert stage.world.data["roles"] == before


def test_an_already_exists_error_does_not_count_as_an_interrupted_run(stage):
    stage.after_up()
    for name in ("terraform.tfstate", "terraform.tfstate.backup", ".tfdriver/terraform.tfstate.before"):
        (folder(stage) / name).unlink(missing_ok=True)
    error = "EntityAlreadyExists: Role with name foo_bar already exists."
    diagnostic = {"severity": "error", "summary": error, "address": "module.foo_bar.aws_iam_role.this"}
    line = json.dumps({"type": "diagnostic", "@message": error, "diagnostic": diagnostic})
    (folder(stage) / ".tfdriver/apply.jsonl").write_text(line + "\n")

    with pytest.raises(TfdriverError, match="--adopt"):
        stage.run(up)


@pytest.mark.parametrize("policy", [trust.document(EXACT), {"Statement": []}], ids=["exact", "unmanaged"])
def test_an_unmanaged_role_is_refused_before_any_change(stage, policy):
    stage.after_up()
    change_role(stage, FOO, tags={"team": "other"}, trust=policy)
    shutil.rmtree(stage.project / "compositions")
    repair(stage)
    before = stage.world.data["roles"]

    for command in (up, tighten):
        with pytest.raises(TfdriverError, match=r"foo_bar in account_a \(111111111111\): it exists and is not managed"):
            stage.run(command)

    assert stage.world.data["roles"] == before
    assert {c[0] for c in stage.world.calls()} == {"version"}
    assert not (stage.project / "compositions").exists()


def test_a_role_without_tags_is_managed_if_the_state_lists_it(stage):
    stage.after_up()
    change_role(stage, FOO, tags={})

    assert stage.run(up).exit_code is Exit.DONE


def test_destroy_keeps_an_unmanaged_role(stage):
    stage.after_up()
    change_role(stage, FOO, tags={}, trust={"Statement": []})
    shutil.rmtree(folder(stage))

    stage.run(destroy)

    assert list(stage.world.data["roles"]) == [FOO]


def creating(stage: Stage, arn: str, role: dict):
    """A confirmation during which a role is created."""

    def confirm(_view):
        stage.world.change(lambda w: w["roles"].update({arn: role}))

    return confirm


def test_an_unmanaged_role_that_is_created_during_the_confirmation_is_refused(stage):
    role = {"name": "bar", "account": "222222222222", "trust": {"Statement": []}, "id": "AROAUNMANAGED", "tags": {}}

    with (
        stage.session() as session,
        pytest.raises(TfdriverError, match=r"bar in account_b .* is not managed by this project"),
    ):
        up(session, creating(stage, BAR, role))

    assert stage.world.data["roles"][BAR] == role


@pytest.fixture
def foo_bar_is_gone(stage: Stage) -> dict:
    """After an `up` on another machine: the role to restore later."""
    stage.after_up()
    role = stage.world.data["roles"][FOO]
    shutil.rmtree(stage.project / "compositions")
    stage.world.change(lambda w: w["roles"].pop(FOO))
    return role


def test_a_tagged_role_that_is_created_before_phase_1_keeps_its_trust(stage, foo_bar_is_gone):
    stage.world.change(lambda w: w["roles"].pop(BAR))
    with stage.session() as session, pytest.raises(TfdriverError, match=r"aws_iam_role foo_bar exists.*--adopt"):
        up(session, creating(stage, FOO, foo_bar_is_gone))
    assert stage.world.data["roles"] == {FOO: foo_bar_is_gone}

    assert stage.run(up, adopt=True).exit_code is Exit.DONE
    assert converged(stage)
    assert stage.world.data["roles"][FOO]["id"] == foo_bar_is_gone["id"]


def test_a_tagged_role_that_is_created_during_phase_1_keeps_its_trust(stage, foo_bar_is_gone):
    """The values for an absent role must not widen the trust of the imported role."""
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


@pytest.mark.parametrize("content", ["", TRUNCATED])
def test_a_broken_state_is_replaced_by_its_copy(stage, content):
    stage.after_up()
    good = state(stage).read_text()
    repair(stage)
    state(stage).write_text(content)

    assert stage.run(up).exit_code is Exit.DONE
    assert converged(stage)
    assert json.loads(state(stage).read_text())["lineage"] == json.loads(good)["lineage"]
    assert ["init", "account_a"] in stage.world.calls()


def test_a_broken_state_is_repaired_before_the_question(stage):
    """As `plan` does: a plan needs the state."""
    stage.after_up()
    good = state(stage).read_text()
    state(stage).write_text(TRUNCATED)

    def no(_view):
        raise TfdriverError("not confirmed", code="not_confirmed")

    with stage.session() as session, pytest.raises(TfdriverError, match="not confirmed"):
        up(session, no)
    assert json.loads(state(stage).read_text())["lineage"] == json.loads(good)["lineage"]


def test_destroy_finds_resources_that_a_broken_state_does_not_list(stage):
    stage.after_up()
    for composition in ("account_a", "account_b"):
        for copy in folder(stage, composition).rglob("terraform.tfstate*"):
            copy.write_text("")

    stage.run(destroy)

    assert stage.world.data["roles"] == {}
    assert not list(stage.project.glob("compositions/*/*"))


def test_destroy_with_adopt_finds_resources_without_a_state(stage):
    stage.after_up()
    shutil.rmtree(stage.project / "compositions")
    repair(stage)

    stage.run(destroy, adopt=True)

    assert stage.world.data["roles"] == {}
    assert [c for c in stage.world.calls() if c[1] == "account_a"] == [
        [command, "account_a"] for command in ("init", *["plan", "show"] * 2, "plan", "import", "plan", "show", "apply")
    ]


def test_destroy_with_complete_states_searches_no_orphaned_resources(stage):
    stage.after_up()
    repair(stage)

    stage.run(destroy)

    commands = [c[0] for c in stage.world.calls()]
    assert sorted(commands) == sorted(["version", *["init", "plan", "show", "apply"] * 2])


@pytest.mark.parametrize("composition", ["account_a", "account_b"])
def test_a_killed_destroy_is_completed_by_the_next(stage, composition):
    stage.after_up()
    die(stage, f"destroy {composition}", TRUNCATED)
    with pytest.raises(TfdriverError, match="killed by signal 9"):
        stage.run(destroy)
    repair(stage)

    stage.run(destroy)

    assert stage.world.data["roles"] == {}
    assert not list(stage.project.glob("compositions/*/*"))


def test_a_state_that_could_not_be_saved_is_pushed(stage):
    stage.after_up()
    errored = folder(stage) / "errored.tfstate"
    body = json.loads(state(stage).read_text())
    errored.write_text(json.dumps(body | {"serial": body["serial"] + 5}))
    repair(stage)

    assert stage.run(up).exit_code is Exit.DONE
    assert ["state", "account_a"] in stage.world.calls()
    assert not errored.exists()
    assert json.loads(state(stage).read_text())["serial"] > body["serial"] + 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"lineage": "other", "serial": 99}, "another lineage"), ({"serial": 0, "resources": []}, "not older")],
)
def test_an_unsaved_state_that_cannot_be_pushed_is_reported(stage, change, reason):
    stage.after_up()
    errored = folder(stage) / "errored.tfstate"
    errored.write_text(json.dumps(json.loads(state(stage).read_text()) | change))
    before = state(stage).read_text()

    with pytest.raises(TfdriverError, match=reason):
        stage.run(up)

    assert (state(stage).read_text(), errored.exists()) == (before, True)


def test_import_blocks_of_a_killed_run_are_deleted(stage):
    stage.after_up()
    blocks = orphans.import_blocks([OrphanedResource("aws_iam_role.foo_bar", "aws_iam_role", "foo_bar", "foo_bar")])
    (folder(stage) / "imports.tf").write_text(blocks)

    stage.run(up)

    assert converged(stage)


def test_unmanaged_import_blocks_are_refused(stage):
    stage.after_up()
    unmanaged = folder(stage) / "imports.tf"
    unmanaged.write_text("# mine\n")

    with pytest.raises(TfdriverError, match="tfdriver did not write"):
        stage.run(up)

    assert unmanaged.read_text() == "# mine\n"


def test_files_with_too_deep_json_count_as_broken(stage):
    stage.after_up()
    (folder(stage) / ".terraform").mkdir()
    for name in ("terraform.tfstate", ".terraform/terraform.tfstate", ".tfdriver/place.json"):
        (folder(stage) / name).write_text(DEEP)

    stage.run(up)

    assert converged(stage)


def test_invalid_values_with_a_valid_digest_are_reported(stage):
    stage.after_up()
    (folder(stage) / "terraform.tfvars.json").write_text(generated_header.json_member(DEEP))

    with pytest.raises(TfdriverError, match="is not a valid tfvars JSON object") as caught:
        render(stage.project, stage.time.now())

    assert caught.value.where.endswith("account_a/terraform.tfvars.json")
