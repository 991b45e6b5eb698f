"""Only the plan that was checked is applied, in a fake world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.world import Stage
from tfdriver.deploy.plan import plan
from tfdriver.deploy.up import up
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust

BAR = "arn:aws:iam::222222222222:role/bar"
EXACT = trust.Trust(frozenset({BAR}))


def saved_plans(stage: Stage) -> list[Path]:
    return [
        path for kind in ("tfplan", "tfvars.json") for path in stage.project.glob(f"compositions/*/.tfdriver/*.{kind}")
    ]


def at_phase(stage: Stage, start: str, do) -> None:
    """Call `do` when a phase starts."""
    stage.progress.phase = lambda title: do() if title.startswith(start) else None


def of_a(stage: Stage) -> Path:
    return stage.project / "compositions/account_a/.tfdriver/checked.tfplan"


def edited(stage: Stage) -> None:
    of_a(stage).write_text(of_a(stage).read_text().replace("222222222222", "333333333333"))


def replaced(stage: Stage) -> None:
    other = of_a(stage).with_name("other")
    other.write_text(json.dumps({"changes": [], "values": {}, "imported": [], "destroy": False, "state": [None, None]}))
    other.replace(of_a(stage))


def deleted(stage: Stage) -> None:
    of_a(stage).unlink()


@pytest.mark.parametrize("change", [edited, replaced, deleted])
def test_a_plan_file_that_was_changed_after_its_check_is_not_applied(stage, change):
    at_phase(stage, "phase 1", lambda: change(stage))

    with pytest.raises(TfdriverError, match=r"checked\.tfplan was changed after it was checked") as caught:
        stage.run(up)

    assert caught.value.code == "plan_changed"
    assert stage.world.data["roles"] == {}
    assert not any(command == "apply" for command, _ in stage.world.calls())


def test_a_plan_that_another_operation_made_stale_is_made_again(stage):
    def other_operation():
        state = {"version": 4, "terraform_version": "1.99.0", "lineage": "l", "serial": 1, "resources": []}
        (stage.project / "compositions/account_a/terraform.tfstate").write_text(json.dumps(state))

    at_phase(stage, "phase 1", other_operation)

    stage.run(up)

    assert any("account_a: planning again: Saved plan is stale" in line for line in stage.progress.said)
    assert trust.read_trust(stage.world.trust("foo_bar")) == EXACT


def test_a_composition_is_planned_again_if_its_role_has_changed_in_aws_since(stage):
    stage.after_up(tighten=False)
    tags = {"tfdriver:project": "foo-bar", "tfdriver:composition": "account_a", "team": "a"}

    def tag():
        stage.world.change(lambda w: w["roles"]["arn:aws:iam::111111111111:role/foo_bar"].update(tags=tags))
        stage.world.forget_calls()

    at_phase(stage, "phase 3", tag)

    stage.run(up)

    assert [command for command, name in stage.world.calls() if name == "account_a"] == ["plan", "show", "apply"]
    assert trust.read_trust(stage.world.trust("foo_bar")) == EXACT


def test_a_plan_ahead_of_phase_3_that_fails_does_not_stop_the_run(stage):
    stage.parallelism = 1  # so that the plan follows the apply of phase 2
    fault = {"plan account_a": {"error": "NoSuchEntity: IAM is eventually consistent"}}

    def phase(title):
        stage.world.change(lambda w: w.update(fail=fault if title.startswith("phase 2") else {}))

    stage.progress.phase = phase

    stage.run(up)

    assert "plan account_a failed" in stage.progress.said
    assert trust.read_trust(stage.world.trust("foo_bar")) == EXACT


def test_the_values_of_phase_1_are_in_its_plan_only(stage):
    seen = []

    def look():
        seen.append((stage.project / "compositions/account_a/terraform.tfvars.json").read_text())

    at_phase(stage, "phase", look)

    stage.run(up)

    assert len(seen) == 3
    assert not any(":root" in text for text in seen)


@pytest.mark.parametrize("command", [lambda session, _: plan(session), up])
def test_no_plan_file_is_left(stage, command):
    stage.after_up(tighten=False)

    stage.run(command)

    assert saved_plans(stage) == []


def test_no_plan_file_is_left_by_a_run_that_fails(stage):
    stage.world.change(lambda w: w.update(fail={"apply account_a": {"error": "AccessDenied: no"}}))

    with pytest.raises(TfdriverError, match="AccessDenied"):
        stage.run(up)

    assert saved_plans(stage) == []


def test_a_plan_file_that_cannot_be_deleted_does_not_hide_why_the_run_stops(stage):
    stage.world.change(lambda w: w.update(fail={"apply account_a": {"error": "AccessDenied: no"}}))
    plan_of_b = stage.project / "compositions/account_b/.tfdriver/checked.tfplan"

    def replace_by_folder():
        plan_of_b.unlink()
        plan_of_b.mkdir()

    at_phase(stage, "phase 1", replace_by_folder)

    with pytest.raises(TfdriverError, match="AccessDenied"):
        stage.run(up)


def test_a_deletion_that_nobody_has_confirmed_is_not_applied(stage):
    stage.after_up()

    def edit_state():
        """Somebody adds a role to the state, which the spec does not name."""
        path = stage.project / "compositions/account_a/terraform.tfstate"
        state = json.loads(path.read_text())
        arn = "arn:aws:iam::111111111111:role/third"
        extra = {"attributes": {"arn": arn, "unique_id": "AROATHIRD", "name": "third", "path": "/"}}
        resource = {"module": "module.third", "mode": "managed", "type": "aws_iam_role", "name": "this"}
        state["resources"].append(resource | {"instances": [extra]})
        path.write_text(json.dumps(state | {"serial": state["serial"] + 1}))
        third = {"name": "third", "account": "111111111111", "trust": {}, "tags": {}, "id": "AROATHIRD"}
        tags = {"tfdriver:project": "foo-bar", "tfdriver:composition": "account_a", "team": "a"}

        def change(world):
            world["roles"][arn] = third
            world["roles"]["arn:aws:iam::111111111111:role/foo_bar"]["tags"] = tags

        stage.world.change(change)

    stage.world.change(lambda w: w["roles"]["arn:aws:iam::111111111111:role/foo_bar"].update(trust=broad(stage)))
    at_phase(stage, "phase 3", edit_state)

    with pytest.raises(TfdriverError, match=r"deletes what was not confirmed.*delete module\.third") as caught:
        stage.run(up, confirm=lambda planned: planned.deletions == ())

    assert caught.value.code == "plan_changed"
    assert "arn:aws:iam::111111111111:role/third" in stage.world.data["roles"]


def broad(stage: Stage) -> dict:
    """The trust policy that phase 1 writes."""
    spec_trust = trust.Trust(frozenset({"arn:aws:iam::222222222222:root"}), guard=frozenset({BAR}))
    return trust.document(spec_trust)
