"""States in a backend, in a fake world: no command depends on `.terraform`."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.fakes.world import Stage, use_backend
from tests.functional.inspect.test_status import read_status, state_of
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.render import render
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.errors import Exit, TfdriverError
from tfdriver.inspect.role_pairs import PairState
from tfdriver.verify.verify import verify

BAR = "arn:aws:iam::222222222222:role/bar"


@pytest.fixture
def shared(stage: Stage) -> Stage:
    use_backend(stage)
    return stage


def test_a_fresh_clone_changes_nothing_and_can_destroy_everything(shared):
    shared.after_up()
    roles = shared.world.data["roles"]
    shutil.rmtree(shared.project / "compositions")

    assert shared.run(up).summary == "nothing to change"
    assert shared.world.data["roles"] == roles
    shutil.rmtree(shared.project / "compositions")
    shared.run(destroy)
    assert shared.world.data["roles"] == {}


def test_status_reads_the_states_from_their_backend(shared):
    shared.after_up()
    shutil.rmtree(shared.project / "compositions")

    found = read_status(shared)

    assert [(c.applied, c.resources, c.last_apply, c.problem) for c in found.compositions] == [(True, 1, None, "")] * 2
    assert (state_of(found), found.exit_code(detailed=True)) == (PairState.EXACT, Exit.DONE)


def test_status_without_terraform_reports_unreadable_states(shared):
    shared.after_up()
    shared.environ["TFDRIVER_TERRAFORM"] = "/nowhere/terraform"

    found = read_status(shared)

    assert {c.applied for c in found.compositions} == {None}
    assert "/nowhere/terraform is not an executable file" in found.compositions[0].problem
    assert found.exit_code(detailed=True) is not Exit.DONE


@pytest.mark.parametrize("command", [up, tighten, destroy])
def test_an_unmanaged_role_with_the_name_of_a_deleted_one_is_refused(shared, command):
    shared.after_up()
    namesake = {"id": "AROANAMESAKE", "tags": {}}
    shared.world.change(lambda w: w["roles"][BAR].update(namesake))
    roles = shared.world.data["roles"]

    with pytest.raises(TfdriverError, match=r"role bar in account_b .*is not managed by this project"):
        shared.run(command)

    assert shared.world.data["roles"] == roles
    assert state_of(read_status(shared)) is PairState.UNMANAGED


def test_an_unmanaged_role_created_between_the_phases_is_not_trusted(stage):
    def phase(title: str) -> None:
        if title.startswith("phase 3"):
            stage.world.change(lambda w: w["roles"][BAR].update(id="AROANAMESAKE", tags={}))

    stage.progress.phase = phase

    with pytest.raises(TfdriverError, match=r"role bar in account_b .*is not managed by this project.*In force now"):
        stage.run(up)

    assert ":root" in json.dumps(stage.world.trust("foo_bar"))


def test_a_state_in_another_place_stops_every_command_but_up(stage):
    stage.after_up()
    use_backend(stage)

    for command in (tighten, destroy):
        with pytest.raises(TfdriverError, match=r"the state of account_a moves from .* to s3://b/account_a") as caught:
            stage.run(command)
        assert (caught.value.code, "tfdriver up" in caught.value.hint) == ("state_not_migrated", True)
    assert "its state is still in terraform.tfstate" in read_status(stage).compositions[0].problem

    render(stage.project, stage.time.now())
    assert (stage.project / "compositions/account_a/backend.tf").exists()


def test_up_moves_states_to_a_backend_and_back_and_keeps_copies(stage):
    stage.after_up()
    spec = stage.project / "tfdriver.yaml"
    local, roles, home = spec.read_text(), stage.world.data["roles"], stage.world.path.parent
    kept = stage.project / "compositions/account_a/terraform.tfstate"
    before = json.loads(kept.read_text())
    use_backend(stage)

    stage.run(up)
    assert list(map(str, stage.moves[0])) == [
        f"the state of {name} moves from compositions/{name}/terraform.tfstate to s3://b/{name}"
        for name in ("account_a", "account_b")
    ]
    assert json.loads((home / "account_a.tfstate").read_text())["resources"] == before["resources"]
    assert not kept.exists()
    (copy,) = kept.parent.glob(".tfdriver/terraform.tfstate.moved-*")
    assert (json.loads(copy.read_text()), copy.stat().st_mode & 0o777) == (before, 0o600)

    spec.write_text(local)
    stage.run(up)
    assert json.loads(kept.read_text())["resources"] == before["resources"]
    stage.run(up)
    assert (len(stage.moves), stage.world.data["roles"]) == (2, roles)


def test_a_state_is_not_moved_over_another_one(stage):
    stage.after_up()
    use_backend(stage)
    there = stage.world.path.with_name("account_a.tfstate")
    body = json.loads((stage.project / "compositions/account_a/terraform.tfstate").read_text())
    there.write_text(json.dumps(body | {"lineage": "another", "outputs": {}}))

    with pytest.raises(TfdriverError, match="but there is another state already"):
        stage.run(up)

    assert json.loads(there.read_text())["lineage"] == "another"
    assert (stage.project / "compositions/account_a/terraform.tfstate").exists()


def test_a_state_that_a_killed_run_has_pushed_is_the_same_state(stage):
    stage.after_up()
    use_backend(stage)
    local = stage.project / "compositions/account_a/terraform.tfstate"
    body = json.loads(local.read_text())
    # `terraform state push` gives the first state of a backend a new lineage.
    stage.world.path.with_name("account_a.tfstate").write_text(json.dumps(body | {"lineage": "another"}))

    stage.run(up)

    assert not local.exists()


@pytest.mark.parametrize("kept", [(), ("applied",)])
def test_a_state_without_outputs_of_resources_counts_as_an_interrupted_run(shared, kept):
    shared.after_up()
    for state in shared.world.path.parent.glob("*.tfstate"):
        body = json.loads(state.read_text())
        state.write_text(json.dumps(body | {"outputs": {k: v for k, v in body["outputs"].items() if k in kept}}))
    shutil.rmtree(shared.project / "compositions")

    with shared.session() as session:
        assert [session.driver.may_adopt(c) for c in session.workspace.compositions] == [True, True]


def test_an_unmanaged_role_created_during_the_confirmation_is_not_destroyed(stage):
    stage.after_up()

    def replaced(_view) -> None:
        stage.world.change(lambda w: w["roles"][BAR].update(id="AROANAMESAKE", tags={}))

    with stage.session("destroy") as session, pytest.raises(TfdriverError, match="is not managed by this project"):
        destroy(session, replaced)

    assert BAR in stage.world.data["roles"]


def test_an_unmanaged_role_created_during_tighten_is_reported(stage):
    stage.after_up(tighten=False)

    def started(composition: str, action: str) -> None:
        if (composition, action) == ("account_a", "apply"):
            stage.world.change(lambda w: w["roles"][BAR].update(id="AROANAMESAKE", tags={}))

    stage.progress.started = started

    with pytest.raises(
        TfdriverError, match=r"bar .*not managed.*A trust may already name this role: delete it and run"
    ):
        stage.run(tighten)


def test_a_trusting_and_a_trusted_role_renamed_at_once(stage):
    stage.after_up()
    spec = stage.project / "tfdriver.yaml"
    text = spec.read_text().replace("module: team_a_foo_ddb", "name: foo2\n    module: team_a_foo_ddb")
    spec.write_text(text.replace("module: team_b_bar_app", "name: bar2\n    module: team_b_bar_app"))

    assert stage.run(up).exit_code is Exit.DONE

    assert {role["name"] for role in stage.world.data["roles"].values()} == {"foo2", "bar2"}


def test_a_role_under_another_name_is_found_in_the_state(stage):
    stage.after_up(tighten=False)
    other = "arn:aws:iam::111111111111:role/x-foo_bar"

    def rename(world: dict) -> None:
        role = world["roles"].pop("arn:aws:iam::111111111111:role/foo_bar")
        world["roles"][other] = role | {"name": "x-foo_bar"}
        del world["roles"][BAR]

    stage.world.change(rename)
    state = stage.project / "compositions/account_a/terraform.tfstate"
    state.write_text(state.read_text().replace("foo_bar", "x-foo_bar").replace("module.x-", "module."))
    roles = stage.world.data["roles"]

    for command in (up, tighten):
        with pytest.raises(
            TfdriverError, match=r"In force now: role x-foo_bar in account_a trusts account 222222222222"
        ):
            stage.run(command)

    assert stage.world.data["roles"] == roles
    assert "its module created role x-foo_bar in account_a instead; guarded" in read_status(stage).pairs[0].words
    with stage.session("verify") as session:
        (check, *_) = verify(session).checks
    assert (check.verdict, check.tried) == (
        CheckStatus.FAILED,
        "the live trust policy of role x-foo_bar in account_a",
    )


@pytest.mark.parametrize("command", [up, destroy])
def test_an_unmanaged_role_with_the_old_name_of_a_renamed_role_is_not_deleted(stage, command):
    stage.after_up()
    stage.world.change(lambda w: w["roles"][BAR].update(id="AROANAMESAKE", tags={}))
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("module: team_b_bar_app", "name: bar2\n    module: team_b_bar_app"))
    roles = stage.world.data["roles"]

    with pytest.raises(TfdriverError, match=r"role bar in account_b .*with that name was deleted.*state rm"):
        stage.run(command)

    assert stage.world.data["roles"] == roles


def test_tighten_adopts_an_exact_role_if_requested(stage):
    stage.after_up()
    shutil.rmtree(stage.project / "compositions/account_a")

    stage.run(tighten, adopt=True)

    assert stage.run(up).summary == "nothing to change"


def test_tighten_trusts_a_role_without_tags_that_its_state_lists(stage):
    stage.run(up, tighten=False)
    stage.world.change(lambda w: w["roles"][BAR].update(tags={}))

    assert stage.run(tighten).exit_code is Exit.DONE
