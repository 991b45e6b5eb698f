"""States whose resources are in another account or in a sandbox are refused."""

from __future__ import annotations

import shutil

import pytest

from tests.fakes.world import Stage
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, TfdriverError

SANDBOX = "http://127.0.0.1:4000"


def preview(session, _confirm):
    return plan(session)


COMMANDS = [up, tighten, destroy, preview]


def move_account_a(stage: Stage) -> None:
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("111111111111", "333333333333"))


def files(stage: Stage) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in (stage.project / "compositions").rglob("*") if p.is_file()}


def refused(stage: Stage, command, message: str) -> None:
    stage.world.forget_calls()
    before, roles = files(stage), stage.world.data["roles"]

    with pytest.raises(TfdriverError, match=message) as caught:
        stage.run(command)

    assert caught.value.exit_code is Exit.FAILED
    assert (files(stage), stage.world.data["roles"]) == (before, roles)
    assert [call[0] for call in stage.world.calls()] == ["version"]


@pytest.mark.parametrize("command", COMMANDS)
def test_another_account_id_in_the_spec_is_refused(stage, command):
    stage.after_up()
    move_account_a(stage)
    message = "^compositions/account_a: the state lists resources in account 111111111111, this run is for account 333"
    refused(stage, command, message + ".* run `tfdriver destroy` first; if nothing exists there, delete")


def test_another_account_id_is_refused_without_a_recorded_location(stage):
    stage.after_up()
    (stage.project / "compositions/account_a/.tfdriver/place.json").unlink()
    move_account_a(stage)
    refused(stage, up, "lists resources in account 111111111111, this run is for account 333333333333")


def test_destroy_deletes_all_roles_after_the_old_id_is_restored(stage):
    stage.after_up()
    spec = (stage.project / "tfdriver.yaml").read_text()
    move_account_a(stage)
    with pytest.raises(TfdriverError):
        stage.run(destroy)

    (stage.project / "tfdriver.yaml").write_text(spec)
    stage.run(destroy)

    assert stage.world.data["roles"] == {}
    move_account_a(stage)
    assert stage.run(up).exit_code is Exit.DONE


@pytest.mark.parametrize("command", COMMANDS)
def test_a_state_of_the_sandbox_is_refused_in_aws(stage, command):
    stage.environ["AWS_ENDPOINT_URL"] = SANDBOX
    stage.after_up()
    del stage.environ["AWS_ENDPOINT_URL"]
    both = "compositions/account_a and compositions/account_b"
    message = "the state lists resources in account 111111111111 of a sandbox, this run is for account 111111111111:"
    refused(stage, command, f"^{both}: {message} .*If that sandbox has ended, delete compositions/ and run")


def test_up_starts_over_after_the_states_of_the_sandbox_are_deleted(stage):
    stage.environ["AWS_ENDPOINT_URL"] = SANDBOX
    stage.after_up()
    stage.world.change(lambda w: w.update(roles={}))
    del stage.environ["AWS_ENDPOINT_URL"]
    shutil.rmtree(stage.project / "compositions")
    assert stage.run(up).exit_code is Exit.DONE


def test_one_side_of_the_sandbox_is_refused(stage):
    stage.environ["AWS_ENDPOINT_URL"] = SANDBOX
    stage.after_up()
    shutil.rmtree(stage.project / "compositions/account_b")
    del stage.environ["AWS_ENDPOINT_URL"]
    refused(stage, up, "^compositions/account_a: .* delete compositions/account_a and run")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_state_of_aws_is_refused_in_the_sandbox(stage, command):
    stage.after_up()
    stage.environ["AWS_ENDPOINT_URL"] = SANDBOX
    refused(stage, command, "in account 111111111111, .* 111111111111 of a sandbox: .* In the sandbox, use a copy of")


def test_a_state_of_an_earlier_sandbox_is_accepted_in_a_sandbox(stage):
    stage.environ["AWS_ENDPOINT_URL"] = SANDBOX
    stage.after_up()
    stage.world.change(lambda w: w.update(roles={}))
    stage.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4001"
    assert stage.run(up).exit_code is Exit.DONE


def test_a_truncated_state_counts_for_its_recorded_location(stage):
    stage.after_up()
    (stage.project / "compositions/account_a/terraform.tfstate").write_text("")
    move_account_a(stage)
    refused(stage, up, "lists resources in account 111111111111, this run is for account 333333333333")


def test_a_state_without_resources_is_accepted_in_another_account(stage):
    stage.after_up()
    stage.world.change(lambda w: w.update(fail={"destroy account_a": {"error": "no", "after": 1}}))
    with pytest.raises(TfdriverError, match="no"):
        stage.run(destroy)
    stage.world.change(lambda w: w.update(fail={}))
    assert stage.world.data["roles"] == {}
    move_account_a(stage)
    assert stage.run(up).exit_code is Exit.DONE


def test_an_account_is_renamed_along_with_its_folder(stage):
    stage.after_up()
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(
        spec.read_text().replace("account_a:", "renamed:").replace("account: account_a", "account: renamed")
    )
    refused(
        stage, up, "compositions/account_a: this composition is no longer in the spec, but its state lists resources"
    )
    (stage.project / "compositions/account_a").rename(stage.project / "compositions/renamed")

    done = stage.run(up)

    assert done.exit_code is Exit.DONE
    assert all(step.added == 0 for step in done.steps)
