"""up, tighten, destroy and plan in a fake world: the trust after each, the commands run, the messages."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.world import FakeAws, Stage, use_backend
from tfdriver.aws.calls import AwsError
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import Planned, plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.iam import trust
from tfdriver.interrupts import InterruptedRunError, obeyed
from tfdriver.verify.verify import verify, verify_run

BAR = "arn:aws:iam::222222222222:role/bar"
ROOT = "arn:aws:iam::222222222222:root"
EXACT = trust.Trust(frozenset({BAR}))


def trusted(stage: Stage) -> trust.Trust | None:
    return trust.read_trust(stage.world.trust("foo_bar"))


def fail(stage: Stage, command: str, after: int = 0, error: str = "AccessDenied: no") -> None:
    stage.world.change(lambda w: w.update(fail={command: {"error": error, "after": after}}))


def repair(stage: Stage) -> None:
    stage.world.change(lambda w: w.update(fail={}))
    stage.world.forget_calls()


def edit_trust(stage: Stage, document) -> None:
    stage.world.change(lambda w: next(r for r in w["roles"].values() if r["name"] == "foo_bar").update(trust=document))


def test_up_ends_exact_with_one_init_each_and_three_applies(stage):
    done = stage.run(up)

    assert done.exit_code is Exit.DONE
    assert trusted(stage) == EXACT
    commands = stage.world.calls()
    assert commands[0][0] == "version"
    assert sorted(commands[1:3]) == [["init", "account_a"], ["init", "account_b"]]
    assert sorted(commands[3:7]) == [[c, name] for c in ("plan", "show") for name in ("account_a", "account_b")]
    assert [c for c in commands[7:] if c[1] == "account_a"] == [
        [c, "account_a"] for c in ("apply", "plan", "show", "apply")
    ]
    assert [c for c in commands[7:] if c[1] == "account_b"] == [["apply", "account_b"]]
    assert [(s.phase, s.added, s.changed) for s in done.steps] == [
        ("broad", 1, 0),
        ("connect", 1, 0),
        ("tighten", 0, 1),
    ]


def fail_plan_before_phase_2(stage: Stage, address: str) -> None:
    fault = {"plan account_b": {"error": "couldn't find resource", "address": address}}
    stage.world.change(lambda w: w.update(fail=fault))

    def phase(title: str) -> None:
        if title.startswith("phase 2"):
            repair(stage)

    stage.progress.phase = phase


def test_a_trusted_side_with_data_sources_of_phase_1_is_planned_before_phase_2(stage):
    fail_plan_before_phase_2(stage, "module.bar.data.aws_dynamodb_table.theirs")

    assert stage.run(up).exit_code is Exit.DONE

    assert ["plan", "account_b"] in stage.world.calls()
    assert "  account_b: cannot be planned before phase 1; it is planned before phase 2" in stage.progress.said


def yes(_planned) -> bool:
    """The answer of a person who is asked."""
    return True


def test_a_trusted_side_that_is_planned_before_phase_2_deletes_nothing_unconfirmed(stage):
    stage.after_up()
    stage.world.change(lambda w: w["roles"].pop("arn:aws:iam::111111111111:role/foo_bar"))
    (stage.project / "compositions/account_a/terraform.tfstate").unlink()
    edit_spec(stage, "module: team_b_bar_app", "module: team_b_bar_app\n    name: bar2")
    fail_plan_before_phase_2(stage, "module.bar.data.aws_dynamodb_table.theirs")
    with pytest.raises(
        TfdriverError, match=r"deletes what was not confirmed: account_b: replace module\.bar"
    ) as caught:
        stage.run(up, confirm=yes)

    assert caught.value.code == "plan_changed"
    assert "arn:aws:iam::222222222222:role/bar" in stage.world.data["roles"]

    repair(stage)
    stage.run(up, confirm=yes)
    assert "arn:aws:iam::222222222222:role/bar2" in stage.world.data["roles"]


def test_a_trusted_side_that_cannot_be_planned_stops_up_before_phase_1(stage):
    fail_plan_before_phase_2(stage, "module.bar.aws_iam_role.this")

    with pytest.raises(TfdriverError, match="couldn't find resource"):
        stage.run(up)

    assert stage.world.data["roles"] == {}


def test_with_a_shared_plugin_cache_inits_do_not_overlap(stage):
    stage.environ["TF_PLUGIN_CACHE_DIR"] = "/cache"
    inits = []

    def started(name, action):
        if action == "init":
            inits.append(("start", name))

    def ended(name, action, *_):
        if action == "init":
            inits.append(("end", name))

    stage.progress.started, stage.progress.ended = started, ended

    stage.run(up)

    assert inits == [("start", "account_a"), ("end", "account_a"), ("start", "account_b"), ("end", "account_b")]


def test_variables_that_terraform_does_not_get_are_reported(stage):
    stage.environ.update(TF_VAR_region="x", TF_TOKEN_example_org="t")

    stage.run(up)

    assert "warning: not passed on to Terraform: TF_VAR_region" in stage.progress.said


@pytest.mark.parametrize(("mode", "warnings"), [(0o666, 1), (0o664, 0)])
def test_a_world_writable_spec_is_used_with_a_warning(stage, mode, warnings):
    (stage.project / "tfdriver.yaml").chmod(mode)

    done = stage.run(up)

    assert done.exit_code is Exit.DONE
    warning = "warning: every user of this machine can write to tfdriver.yaml. Run `chmod o-w tfdriver.yaml`"
    assert sum(line.startswith(warning) for line in stage.progress.said) == warnings


def test_a_second_up_changes_nothing(stage):
    stage.after_up()
    before = stage.world.data["roles"]

    done = stage.run(up)

    assert stage.world.data["roles"] == before
    assert all((s.added, s.changed, s.removed) == (0, 0, 0) for s in done.steps)
    assert done.summary == "nothing to change"


def test_no_tighten_leaves_an_open_trust_and_tighten_closes_it(stage):
    done = stage.run(up, tighten=False)

    assert "`tfdriver tighten` to close the trust at once" in done.advice

    assert done.exit_code is Exit.OPEN_TRUST
    assert "account 222222222222, only as role/bar, until 2026-01-02 01:00:0" in done.in_force

    stage.world.forget_calls()
    done = stage.run(tighten)

    assert (done.exit_code, trusted(stage)) == (Exit.DONE, EXACT)
    assert [c for c in stage.world.calls() if c[0] == "apply"] == [["apply", "account_a"]]


def test_a_failure_in_phase_2_reports_the_open_trust_and_up_continues_there(stage):
    fail(stage, "apply account_b")

    with pytest.raises(OpenTrustError) as caught:
        stage.run(up)

    message = str(caught.value)
    assert "AccessDenied: no" in message
    assert "role foo_bar in account_a trusts account 222222222222, only as role/bar, until" in message
    assert "Run `tfdriver up` again to finish, or `tfdriver destroy`" in message
    assert trusted(stage).broad

    repair(stage)
    stage.time.sleep(600)
    stage.run(up)

    assert [c for c in stage.world.calls() if c[0] == "apply"] == [["apply", "account_b"], ["apply", "account_a"]]
    assert trusted(stage) == EXACT


def test_a_failure_in_phase_3_suggests_tighten(stage):
    stage.after_up(tighten=False)
    fail(stage, "apply account_a")

    with pytest.raises(OpenTrustError, match="`tfdriver tighten` to close the trust at once"):
        stage.run(tighten)


def test_a_failure_before_a_trust_is_open_exits_1(stage):
    fail(stage, "apply account_a")

    with pytest.raises(TfdriverError) as caught:
        stage.run(up)

    assert caught.value.exit_code is Exit.FAILED


def test_each_error_of_parallel_applies_is_reported_once(stage):
    spec = stage.project / "tfdriver.yaml"
    account = '  account_c: {id: "333333333333", profile: account_c, region: us-west-2}\n\nroles:'
    role = "  foo_too:\n    account: account_c\n    module: team_a_foo_ddb\n"
    role += "    variables: {table_name: Too, read_capacity: 5, write_capacity: 5}\n    trusts: [bar_too]\n"
    role += "  bar_too:\n    account: account_b\n    module: team_b_bar_app\n"
    spec.write_text(spec.read_text().replace("\nroles:", account) + role)
    stage.world.change(
        lambda w: w.update(fail={f"apply account_{x}": {"error": f"no {x}", "after": 0} for x in ("a", "c")})
    )

    with pytest.raises(TfdriverError) as caught:
        stage.run(up)

    assert str(caught.value).count("no a") == str(caught.value).count("no c") == 1
    assert "terraform apply in compositions/account_c: " in str(caught.value)
    assert "apply account_c failed" in stage.progress.said


def test_the_first_errors_of_one_terraform_are_reported_and_the_rest_counted(stage):
    fail(stage, "apply account_a", error="one\ntwo\nthree\nfour\nfive")

    with pytest.raises(TfdriverError, match=r"account_a: one\.\nAlso two\.\nAlso three\.\nAnd 2 more errors$"):
        stage.run(up)


def test_a_trust_that_became_unreadable_during_a_failure_counts_as_open(stage):
    fail(stage, "apply account_b")

    def hide_role(_view):
        stage.aws.unreadable = {"foo_bar"}

    at_most = r"may trust account 222222222222, only as role/bar, until .* UTC at the latest"
    with stage.session() as session, pytest.raises(OpenTrustError, match=at_most):
        up(session, hide_role)


def test_an_expired_trust_is_never_opened_again(stage):
    fail(stage, "apply account_b")
    with pytest.raises(OpenTrustError):
        stage.run(up)
    opened = trusted(stage)
    stage.time.sleep(7200)

    with pytest.raises(TfdriverError) as caught:
        stage.run(up)

    assert not isinstance(caught.value, OpenTrustError)
    assert trusted(stage) == opened


def test_tighten_before_up_stops_at_once(stage):
    with pytest.raises(TfdriverError, match=r"foo_bar in account_a: it does not exist.*tfdriver up") as caught:
        stage.run(tighten)

    assert caught.value.code == "role_missing"
    assert stage.world.calls() == [["version", stage.world.calls()[0][1]]]


def test_tighten_without_the_trusted_role_stops_at_once(stage):
    fail(stage, "apply account_b")
    with pytest.raises(OpenTrustError):
        stage.run(up)
    repair(stage)

    with pytest.raises(OpenTrustError, match=r"role bar in account_b: .*does not exist.*In force now: role foo_bar"):
        stage.run(tighten)

    assert [c[0] for c in stage.world.calls()] == ["version"]


def test_tighten_of_an_exact_trust_starts_no_terraform(stage):
    stage.after_up()
    stage.world.forget_calls()

    done = stage.run(tighten)

    assert done.exit_code is Exit.DONE
    assert [c[0] for c in stage.world.calls()] == ["version"]


UNMANAGED = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}


def test_an_unmanaged_trust_stops_up_and_tighten_until_overwritten(stage):
    stage.after_up()
    edit_trust(stage, UNMANAGED)

    for command in (up, tighten):
        with pytest.raises(TfdriverError, match=r"not one that tfdriver would write.*--overwrite"):
            stage.run(command)

    assert stage.world.trust("foo_bar") == UNMANAGED
    assert stage.run(tighten, overwrite=True).exit_code is Exit.DONE
    assert trusted(stage) == EXACT


def edit_before_phase_3(stage: Stage, document: dict) -> None:
    """Edit the trust policy by hand when phase 3 starts."""

    def phase(title):
        if "phase 3" in title and stage.world.trust("foo_bar") != document:
            edit_trust(stage, document)

    stage.progress.phase = phase


def test_a_trust_edited_during_phase_2_stops_up_as_any_unmanaged_one(stage):
    edit_before_phase_3(stage, UNMANAGED)

    with pytest.raises(
        OpenTrustError, match=r"not one that tfdriver would write.*foo_bar in account_a trusts anybody"
    ) as caught:
        stage.run(up)

    assert "tighten --overwrite" in caught.value.hint
    assert str(caught.value).count("trusts anybody") == 1
    assert stage.world.trust("foo_bar") == UNMANAGED
    assert stage.run(tighten, overwrite=True).exit_code is Exit.DONE
    assert trusted(stage) == EXACT


def test_an_account_trusted_by_hand_during_phase_2_is_reported_with_the_overwrite_hint(stage):
    edit_before_phase_3(stage, trust.document(trust.Trust(frozenset({"arn:aws:iam::111111111111:root"}))))

    with pytest.raises(
        OpenTrustError, match=r"In force now: role foo_bar in account_a trusts all of account 1+\."
    ) as e:
        stage.run(up)

    assert "run `tfdriver up --overwrite` or `tfdriver tighten --overwrite`" in e.value.hint


@pytest.mark.parametrize("command", [up, tighten])
def test_an_orphaned_trust_becomes_exact_and_never_broad(stage, command):
    stage.after_up()
    edit_trust(stage, trust.document(trust.Trust(frozenset({"AROADEADDEADDEADDEAD"}))))
    repair(stage)

    stage.run(command)

    assert trusted(stage) == EXACT
    assert len([c for c in stage.world.calls() if c == ["apply", "account_a"]]) == 1


def test_a_deleted_trusting_role_is_created_with_an_exact_trust(stage):
    stage.after_up()
    stage.world.change(lambda w: w["roles"].pop("arn:aws:iam::111111111111:role/foo_bar"))

    done = stage.run(up)

    assert [s.phase for s in done.steps] == ["broad", "connect", "tighten"]
    assert [s.changed for s in done.steps] == [0, 0, 0]
    titles = [line for line in stage.progress.said if line.startswith("phase 1")]
    assert titles == ["phase 1, broad: create the trusting roles", "phase 1, exact at once: create the trusting roles"]


@pytest.mark.parametrize("command", [up, lambda session, _confirm: plan(session)], ids=["up", "plan"])
def test_an_unreadable_trusted_role_stops_up_and_plan(stage, command):
    stage.aws.unreadable = {"bar"}

    with pytest.raises(TfdriverError, match=r"role bar in account_b: it cannot be read: AccessDenied") as caught:
        stage.run(command)

    assert caught.value.code == "unreadable_role"
    assert "Grant iam:GetRole" in caught.value.hint
    assert stage.world.data["roles"] == {}
    assert not (stage.project / "compositions").exists()


def test_a_trusted_role_that_becomes_unreadable_before_phase_1_stops_up(stage):
    def phase(title):
        if "phase 1" in title:
            stage.aws.unreadable.add("bar")

    stage.progress.phase = phase

    with pytest.raises(TfdriverError, match="role bar in account_b: it cannot be read"):
        stage.run(up)

    assert stage.world.data["roles"] == {}


def test_an_unreadable_trusting_role_stops_every_command(stage):
    stage.aws.unreadable = {"foo_bar"}

    for command in (up, tighten, destroy):
        with pytest.raises(TfdriverError, match="cannot be read: AccessDenied"):
            stage.run(command)

    assert not (stage.project / "compositions").exists()


def test_a_wrong_account_stops_before_anything_is_written(stage):
    stage.aws.callers = {"account_a": "222222222222", "account_b": "111111111111"}

    with pytest.raises(TfdriverError, match="swapped"):
        stage.run(up)

    assert not (stage.project / "compositions").exists()
    assert [c[0] for c in stage.world.calls()] == ["version"]


def log_in_elsewhere(stage):
    """Log in to another account with account_a's profile."""
    stage.aws.callers["account_a"] = "333333333333"


def test_a_profile_that_changes_its_account_stops_the_next_phase(stage):
    stage.progress.phase = lambda title: log_in_elsewhere(stage) if "phase 3" in title else None

    with pytest.raises(OpenTrustError, match="profile account_a is in account 333333333333, not in 111111111111"):
        stage.run(up)

    assert trusted(stage).broad
    assert stage.world.calls().count(["apply", "account_a"]) == 1


def test_a_profile_that_changes_its_account_stops_destroy(stage):
    stage.after_up()

    def ended(name, action, *_):
        if (name, action) == ("account_b", "destroy"):
            log_in_elsewhere(stage)

    stage.progress.ended = ended

    with pytest.raises(TfdriverError, match=r"in account 333333333333, not in 111111111111\. Correct the profile"):
        stage.run(destroy)

    assert ["destroy", "account_a"] not in stage.world.calls()
    assert list(stage.world.data["roles"]) == ["arn:aws:iam::111111111111:role/foo_bar"]


def test_destroy_deletes_everything_and_can_be_repeated(stage):
    stage.after_up()

    done = stage.run(destroy)

    assert [s.composition for s in done.steps] == ["account_b", "account_a"]
    assert stage.world.data["roles"] == {}
    assert not list((stage.project / "compositions").glob("*/*"))
    assert stage.run(destroy).steps == ()


def test_destroy_continues_after_a_failure(stage):
    stage.after_up()
    fail(stage, "destroy account_a")
    with pytest.raises(TfdriverError):
        stage.run(destroy)
    assert list(stage.world.data["roles"]) == ["arn:aws:iam::111111111111:role/foo_bar"]

    repair(stage)
    stage.run(destroy)

    assert stage.world.data["roles"] == {}


def test_destroy_reports_its_steps_as_destroy(stage):
    stage.after_up()

    done = stage.run(destroy)

    assert [(s.phase, s.composition) for s in done.steps] == [("destroy", "account_b"), ("destroy", "account_a")]


@pytest.mark.parametrize("tags", [{}, {"tfdriver:project": "foo-bar", "tfdriver:composition": "another"}])
def test_destroy_of_an_unmanaged_role_is_refused(stage, tags):
    stage.after_up()
    edit_trust(stage, UNMANAGED)
    stage.world.change(lambda w: [r.update(tags=tags) for r in w["roles"].values()])

    with pytest.raises(TfdriverError, match="does not have this project's tags"):
        stage.run(destroy)

    assert len(stage.world.data["roles"]) == 2


def run_plan(stage: Stage) -> Planned:
    with stage.session("plan") as session:
        return plan(session)


def actions(planned: Planned) -> list[tuple[str, str, list[str]]]:
    return [(p.phase, p.composition, [c.action for c in p.changes]) for p in planned.phases]


def test_plan_returns_the_changes_of_each_phase_and_changes_nothing(stage):
    planned = run_plan(stage)

    assert actions(planned) == [
        ("broad", "account_a", ["create"]),
        ("connect", "account_b", ["create"]),
        ("tighten", "account_a", ["update"]),
    ]
    assert planned.differences
    assert planned.overview.action == "plan"
    assert list(planned.overview.roles[0].phases) == ["broad", "tighten"]
    assert stage.world.data["roles"] == {}


def test_plan_after_up_has_no_differences(stage):
    stage.after_up()

    assert not run_plan(stage).differences


def test_plan_tightens_no_trust_that_starts_exact(stage):
    stage.after_up()
    stage.world.change(lambda w: w["roles"].pop("arn:aws:iam::111111111111:role/foo_bar"))

    planned = run_plan(stage)

    assert actions(planned) == [
        ("broad", "account_a", ["create"]),
        ("connect", "account_b", []),
        ("tighten", "account_a", []),
    ]


def test_plan_tightens_only_the_roles_that_are_not_exact(stage):
    stage.after_up()
    spec = stage.project / "tfdriver.yaml"
    foo_bar = spec.read_text().partition("  foo_bar:")[2].partition("  bar:")[0]
    other = "  other:\n    account: account_b\n    module: team_b_bar_app\n"
    spec.write_text(f"{spec.read_text()}\n  second:{foo_bar.replace('[bar]', '[bar, other]')}\n{other}")

    planned = run_plan(stage)

    tightened = [c.address for p in planned.phases if p.phase == "tighten" for c in p.changes]
    assert tightened == ["module.second.aws_iam_role.this"]


def test_plan_refuses_an_unmanaged_trust(stage):
    stage.after_up()
    edit_trust(stage, UNMANAGED)
    (stage.project / "compositions/account_a/terraform.tfvars.json").unlink()
    stage.world.forget_calls()

    with pytest.raises(TfdriverError, match=r"tfdriver would write.*--overwrite"):
        run_plan(stage)

    assert [c[0] for c in stage.world.calls()] == ["version"]
    assert not (stage.project / "compositions/account_a/terraform.tfvars.json").exists()


def test_plan_refuses_an_unmanaged_role(stage):
    stage.after_up()
    stage.world.change(lambda w: [r.update(tags={}) for r in w["roles"].values()])
    (stage.project / "compositions/account_b/terraform.tfstate").unlink()

    with pytest.raises(TfdriverError, match="is not managed by this"):
        run_plan(stage)


def test_an_open_trust_of_an_unmanaged_trusting_role_is_to_be_closed_by_hand(stage):
    stage.after_up(tighten=False)
    stage.world.change(lambda w: [r.update(tags={}) for r in w["roles"].values()])
    (stage.project / "compositions/account_a/terraform.tfstate").unlink()

    with pytest.raises(OpenTrustError) as caught:
        stage.run(up)

    assert caught.value.code == "unmanaged_role"
    assert caught.value.hint.endswith(
        "Delete role foo_bar in account_a or edit its trust policy: this project does not manage the role"
    )
    assert "Run `tfdriver" not in caught.value.hint


def test_a_failed_plan_leaves_no_values_of_phase_1(stage):
    def stop(composition, action):
        if action == "plan":
            raise TfdriverError("stopped", code="io_error")

    stage.progress.started = stop

    with pytest.raises(TfdriverError, match="stopped"):
        run_plan(stage)

    assert not list(stage.project.rglob("phase-1.tfvars.json"))


def test_the_questions_to_confirm(stage):
    questions = []

    def ask(planned):
        questions.append(planned.question)

    for command, more in (
        (up, {"tighten": False}),
        (tighten, {}),
        (tighten, {"revoke_sessions": True}),
        (destroy, {}),
    ):
        with stage.session() as session:
            command(session, ask, **more)

    assert questions == [
        "Connect account_a and account_b as shown?",
        "Tighten the trust in account_a?",
        "Tighten the trust in account_a, and revoke all sessions issued so far?",
        "Delete 2 resources in account_a and account_b?",
    ]


def test_up_without_a_confirmation_changes_nothing(stage):
    def no(planned):
        assert [a.caller for a in planned.overview.accounts] == [
            "arn:aws:iam::111111111111:user/admin",
            "arn:aws:iam::222222222222:user/admin",
        ]
        raise TfdriverError("not confirmed", code="not_confirmed")

    with stage.session() as session, pytest.raises(TfdriverError, match="not confirmed"):
        up(session, no)

    assert stage.world.data["roles"] == {}
    assert not any(command == "apply" for command, _ in stage.world.calls())
    assert not list(stage.project.rglob("*.tfplan"))
    assert not list(stage.project.rglob("terraform.tfstate*"))


def test_an_interrupt_between_phases_reports_the_open_trust(stage):
    def phase(title):
        if "phase 2" in title:
            stage.interrupts.request()

    stage.progress.phase = phase

    with pytest.raises(OpenTrustError, match=r"stopped by SIGINT.*In force now"):
        stage.run(up)


def test_an_interrupt_before_phase_1_reports_no_open_trust(stage):
    def phase(_title):
        stage.interrupts.request()

    stage.progress.phase = phase

    with pytest.raises(InterruptedRunError, match=r"stopped by SIGINT\. No broad trust is in force"):
        stage.run(up)


def test_an_interrupted_plan_reports_that_no_changes_were_made(stage):
    def started(_name, action):
        if action == "plan":
            stage.interrupts.request()

    stage.progress.started = started

    with pytest.raises(InterruptedRunError, match="No changes made"):
        run_plan(stage)


@pytest.mark.parametrize(
    "error", [InterruptedRunError("stopped by SIGINT"), TfdriverError("no credentials", code="no_credentials")]
)
def test_an_error_of_verify_keeps_the_result_of_the_phases(stage, error):
    def prove(_session, _current):
        raise error

    done = stage.run(up, prove=prove)

    assert (done.exit_code, done.in_force, done.not_verified) == (Exit.FAILED, "", str(error))
    assert [r.trust for r in done.roles] == ["exact"]
    assert trusted(stage) == EXACT


def test_up_names_the_compositions_that_it_applied_or_planned_without_changes(stage):
    seen = []

    def prove(session, current):
        seen.append(current)
        raise TfdriverError("not verified", code="no_credentials")

    stage.run(up, prove=prove)
    stage.run(up, prove=prove)
    stage.world.change(
        lambda data: data["roles"]["arn:aws:iam::111111111111:role/foo_bar"].update(revoked="2026-01-01T00:00:00Z")
    )
    stage.run(up, prove=prove, tighten=False)

    assert seen == [{"account_a", "account_b"}, {"account_a", "account_b"}, {"account_b"}]


@pytest.mark.parametrize(("current", "planned"), [({"account_a"}, "account_b"), ({"account_b"}, "account_a")])
def test_verify_plans_only_what_the_run_did_not_just_plan(stage, current, planned):
    stage.run(up)
    stage.world.forget_calls()
    stage.aws = OnlyIam(stage.world)

    with stage.session("up") as session:
        checks = verify_run(session, current).checks

    assert [call for call in stage.world.calls() if call[0] in ("plan", "show")] == [["plan", planned]]
    happened = {c.pair.trusting or c.pair.trusted: c.happened for c in checks if c.name == "permissions"}
    this_run = "as this run applied or planned them, and no other policy"
    assert sorted(happened.values()) == sorted([this_run, "the same"])


def test_ctrl_c_during_verify_is_counted_and_not_raised_at_once(stage):
    def prove(session, _current):
        signal.raise_signal(signal.SIGINT)
        session.tools.interrupts.check()

    assert stage.run(up, prove=prove).not_verified == "stopped by SIGINT"


def test_ctrl_c_after_the_last_step_keeps_the_result(stage):
    class Interrupting(type(stage.aws)):
        """An AWS during whose last calls the user presses Ctrl-C."""

        def read_role(self, account, name):
            if ["destroy", "account_a"] in self.world.calls():
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            return super().read_role(account, name)

    stage.after_up()
    stage.aws = Interrupting(stage.world)

    assert stage.run(destroy).exit_code is Exit.DONE


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_before_any_change_reports_the_trusts_in_force(stage, name):
    def stop(_view):
        with obeyed():
            signal.raise_signal(signal.Signals[name])

    with pytest.raises(InterruptedRunError, match=rf"stopped by {name}\. No broad trust"), stage.session() as session:
        up(session, stop)

    stage.run(up, tighten=False)
    with pytest.raises(OpenTrustError, match=rf"stopped by {name}\. In force now"), stage.session() as session:
        up(session, stop)


@pytest.mark.parametrize("first", ["up", "verify"])
def test_a_second_run_is_refused_with_the_command_and_process_that_hold_the_lock(stage, first):
    with stage.session(first), pytest.raises(TfdriverError) as caught:
        stage.run(up)

    holder = rf"`{first}` since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC \(process {os.getpid()} on "
    assert re.match(f"another run is in progress: {holder}", caught.value.what)


def test_a_second_run_is_refused_while_the_first_one_waits_for_a_confirmation(stage):
    def ask(_view):
        with pytest.raises(TfdriverError, match="another run is in progress: `up` since "):
            stage.run(destroy)
        raise TfdriverError("not confirmed", code="not_confirmed")

    with stage.session("up") as session, pytest.raises(TfdriverError, match="not confirmed"):
        up(session, ask)

    assert stage.world.data["roles"] == {}


@pytest.mark.parametrize(("first", "second"), [(up, tighten), (tighten, up)])
def test_tighten_and_up_cannot_run_in_parallel(stage, first, second):
    stage.after_up(tighten=False)
    errors = []

    def phase(_title):
        with pytest.raises(TfdriverError) as caught:
            stage.run(second)
        errors.append(caught.value.code)

    stage.progress.phase = phase
    assert stage.run(first).exit_code is Exit.DONE
    assert set(errors) == {"project_locked"}

    del stage.progress.phase
    assert stage.run(second).exit_code is Exit.DONE
    assert trusted(stage) == EXACT


def test_the_lock_is_held_even_if_the_file_with_its_holder_is_deleted(stage):
    with stage.session("up"):
        (stage.project / "compositions/.tfdriver/run.json").unlink()
        with pytest.raises(TfdriverError, match="another run is in progress: unknown command"):
            stage.run(destroy)

    assert stage.run(up).exit_code is Exit.DONE


def test_the_values_are_those_last_applied(stage):
    stage.after_up()

    values = json.loads((stage.project / "compositions/account_a/terraform.tfvars.json").read_text())
    assert values["trust_policies"] == {"foo_bar": trust.document(EXACT)}
    assert values["account_id"] == "111111111111"


def test_a_state_of_another_version_stops_before_anything(stage):
    stage.after_up()
    repair(stage)
    (stage.project / "compositions/account_a/terraform.tfstate").write_text('{"version": 9}')

    with pytest.raises(TfdriverError, match="version 9"):
        stage.run(up)

    assert [c[0] for c in stage.world.calls()] == ["version"]


@pytest.mark.parametrize(("version", "good"), [("1.5.7", False), ("0.11.0", False), ("1.7.0", True), ("x", False)])
def test_an_old_terraform_is_refused(stage, version, good):
    stage.world.change(lambda w: w.update(version=version))
    if good:
        assert stage.run(up).exit_code is Exit.DONE
    else:
        with pytest.raises(TfdriverError, match="Install Terraform"):
            stage.run(up)
        assert not (stage.project / "compositions").exists()


def test_a_risky_trust_policy_is_reported(stage):
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("trusts: [bar]", "trusts: [bar]\n    guard: false"))

    stage.run(up, tighten=False)

    assert any("without a guard" in line for line in stage.progress.said)


def test_a_trust_that_is_unreadable_at_the_end_counts_as_open(stage):
    class Unreadable(type(stage.aws)):
        """An AWS in which the trusting role becomes unreadable once the trusted one exists."""

        def read_role(self, account, name):
            if name == "foo_bar" and any(r["name"] == "bar" for r in self.world.data["roles"].values()):
                self.unreadable = {"foo_bar"}
            return super().read_role(account, name)

    stage.aws = Unreadable(stage.world)

    done = stage.run(up, tighten=False)

    assert done.exit_code is Exit.OPEN_TRUST
    assert "may trust account 222222222222, only as role/bar, until" in done.in_force


def edit_spec(stage: Stage, old: str, new: str) -> None:
    spec = stage.project / "tfdriver.yaml"
    assert old in spec.read_text()
    spec.write_text(spec.read_text().replace(old, new))


def test_up_trusts_a_renamed_role_without_a_broad_trust_in_between(stage):
    stage.after_up()
    edit_spec(stage, "module: team_b_bar_app", "module: team_b_bar_app\n    name: bar2")
    with pytest.raises(TfdriverError, match=r"does not exist.*Run `tfdriver up` to create it"):
        stage.run(tighten)
    trusts = []

    def phase(_title):
        trusts.append(trusted(stage))

    stage.progress.phase = phase
    assert stage.run(up).exit_code is Exit.DONE
    assert trusted(stage) == trust.Trust(frozenset({"arn:aws:iam::222222222222:role/bar2"}))
    assert not any(found.broad for found in trusts if found)


def test_deletions_are_confirmed_before_any_change(stage):
    stage.after_up()
    edit_spec(stage, "module: team_b_bar_app", "module: team_b_bar_app\n    name: bar2")
    questions = []

    def refuse(planned):
        questions.append((planned.question, *planned.deletions))
        raise TfdriverError("not confirmed", code="not_confirmed")

    before = stage.world.data["roles"]

    with pytest.raises(TfdriverError, match="not confirmed"):
        stage.run(up, confirm=refuse)

    question = "Connect account_a and account_b as shown, and delete 1 resource?"
    assert questions == [(question, "account_b: replace module.bar.aws_iam_role.this")]
    assert stage.world.data["roles"] == before

    stage.run(up, confirm=yes)
    assert "bar2" in {role["name"] for role in stage.world.data["roles"].values()}


@pytest.mark.parametrize("command", [up, tighten, destroy])
def test_a_run_asks_once_when_all_plans_are_known(stage, command):
    stage.after_up(tighten=False)
    stage.world.forget_calls()
    calls = []

    def ask(_planned):
        calls.append([command for command, _ in stage.world.calls()])
        return True

    stage.run(command, confirm=ask)

    (before,) = calls
    assert "plan" in before
    assert "apply" not in before


def test_a_run_with_nothing_to_do_has_no_question(stage):
    stage.after_up()
    questions = []

    stage.run(up, confirm=lambda planned: questions.append(planned.question))
    stage.run(tighten, confirm=pytest.fail)

    assert questions == [""]


def test_an_unmanaged_open_trust_that_becomes_unreadable_is_reported(stage):
    stage.after_up()
    edit_trust(stage, UNMANAGED)
    fail(stage, "apply account_a")

    def started(name, action):
        if (name, action) == ("account_a", "apply"):
            stage.aws.unreadable.add("foo_bar")

    stage.progress.started = started

    with pytest.raises(
        OpenTrustError, match=r"cannot be read now: role foo_bar .* may be unchanged: it trusts anybody"
    ):
        stage.run(tighten, overwrite=True)


@pytest.mark.parametrize("composition", ["account_a", "account_b"])
def test_a_failed_run_leaves_no_values_that_would_widen_a_trust(stage, composition):
    fail(stage, f"apply {composition}", after=0 if composition == "account_b" else 1)

    with pytest.raises(TfdriverError):
        stage.run(up)

    values = json.loads((stage.project / "compositions/account_a/terraform.tfvars.json").read_text())
    assert trust.read_trust(values["trust_policies"]["foo_bar"]) == EXACT


def test_an_unmanaged_broad_trust_is_reported(stage):
    stage.after_up(tighten=False)
    edit_trust(stage, trust.document(replace(trusted(stage), external_id="by-hand")))

    with pytest.raises(OpenTrustError, match="In force now: role foo_bar in account_a trusts account 222222222222"):
        stage.run(up)


def test_a_state_that_is_no_longer_in_the_spec_stops_the_run(stage):
    stage.after_up()
    compositions = stage.project / "compositions"
    (compositions / "account_b").rename(compositions / "account_c")

    with pytest.raises(TfdriverError, match=r"compositions/account_c: this composition is no longer in the spec"):
        stage.run(up)


class OnlyIam(FakeAws):
    """An AWS in which only IAM answers."""

    def call(self, account, service, ask):
        if service != "iam":
            raise AwsError(f"{service} does not answer", aws_code="Throttling")
        return super().call(account, service, ask)


def test_verify_reads_a_remote_state_with_the_users_cli_configuration(stage, tmp_path):
    use_backend(stage)
    stage.after_up()
    stage.aws = OnlyIam(stage.world)
    config = tmp_path / "own.rc"
    config.write_text("")
    program = Path(stage.environ["TFDRIVER_TERRAFORM"])
    refusal = f'[ "$1" != state ] || [ "$TF_CLI_CONFIG_FILE" = {config} ] || {{ echo "not logged in" >&2; exit 1; }}\n'
    program.write_text(program.read_text().replace("case", f"{refusal}case", 1))

    def happened() -> str:
        with stage.session("verify") as session:
            return " ".join(check.happened for check in verify(session).checks)

    assert "not logged in" in happened()
    stage.environ["TF_CLI_CONFIG_FILE"] = str(config)
    assert "not logged in" not in happened()


def test_ctrl_c_at_the_question_stops_at_once(stage):
    stage.after_up()
    edit_spec(stage, "module: team_b_bar_app", "module: team_b_bar_app\n    name: bar2")
    before = stage.world.data["roles"]

    def ctrl_c(_planned):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise TfdriverError("not confirmed", code="not_confirmed")

    with pytest.raises(TfdriverError, match="not confirmed"):
        stage.run(up, confirm=ctrl_c)

    assert stage.world.data["roles"] == before
