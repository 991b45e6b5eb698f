"""status in a fake world, after everything that can happen to a project."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.fakes.world import Stage
from tfdriver.cli.printer import Output
from tfdriver.cli.status import print_status
from tfdriver.deploy.plan import plan
from tfdriver.deploy.session import Options, Tools
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam import trust
from tfdriver.inspect.drift import Drift
from tfdriver.inspect.role_pairs import Advice, PairState
from tfdriver.inspect.status import Status, status, view_project


def read_status(stage: Stage, check_drift=None) -> Status:
    tools = Tools(stage.environ, stage.progress, stage.interrupts, stage.aws, stage.time.clock())
    return status(view_project(Options(stage.project, selection=stage.selection), tools), check_drift)


def state_of(found: Status) -> PairState:
    (pair,) = found.pairs
    return pair.state


def set_trust(stage: Stage, document: dict[str, Any]) -> None:
    def change(world: dict[str, Any]) -> None:
        next(role for role in world["roles"].values() if role["name"] == "foo_bar")["trust"] = document

    stage.world.change(change)


def codes(found: Status) -> tuple[int, int]:
    return found.exit_code(detailed=False), found.exit_code(detailed=True)


def files(stage: Stage) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(stage.project.rglob("*")) if p.is_file()}


def test_before_the_first_up_everything_is_absent(stage):
    before = files(stage)
    found = read_status(stage)

    assert state_of(found) is PairState.ABSENT
    assert [c.applied for c in found.compositions] == [False, False]
    assert codes(found) == (0, 2)
    assert (files(stage), stage.world.calls()) == (before, [])


def test_after_up_the_trust_is_exact_and_status_changes_nothing(stage):
    stage.after_up()
    stage.world.forget_calls()
    before = files(stage)

    found = read_status(stage)

    assert (state_of(found), codes(found)) == (PairState.EXACT, (0, 0))
    assert [(h.account, h.caller) for h in found.accounts] == [
        ("account_a", "arn:aws:iam::111111111111:user/admin"),
        ("account_b", "arn:aws:iam::222222222222:user/admin"),
    ]
    assert (files(stage), stage.world.calls()) == (before, [])


def test_a_broad_trust_is_reported_with_its_deadline_and_then_as_expired(stage):
    stage.after_up(tighten=False)
    found = read_status(stage)
    assert state_of(found) is PairState.BROAD
    assert "guarded: account 222222222222, only as role/bar, until 2026-01-02 01:00:0" in found.pairs[0].words
    stage.time.sleep(7200)
    assert state_of(read_status(stage)) is PairState.EXPIRED
    assert codes(read_status(stage)) == (0, 2)


def test_status_needs_no_lock(stage):
    stage.after_up()
    with stage.session("up"):
        assert state_of(read_status(stage)) is PairState.EXACT


def test_an_orphaned_trust_is_reported_and_tighten_fixes_it(stage):
    stage.after_up()
    dead = trust.document(trust.Trust(frozenset({"AROADEADDEADDEADDEAD"})))
    set_trust(stage, dead)
    found = read_status(stage)
    assert (state_of(found), codes(found)) == (PairState.ORPHANED, (0, 2))
    stage.run(tighten)
    assert state_of(read_status(stage)) is PairState.EXACT


@pytest.mark.parametrize(("wrong", "state", "code"), [("account_b", "exact", 0), ("account_a", "unreadable", 1)])
def test_a_profile_in_the_wrong_account_is_reported_and_not_used(stage, wrong, state, code):
    stage.after_up()
    stage.aws.callers = {wrong: "999999999999"}

    found = read_status(stage)

    problems = {h.account: h.problem for h in found.accounts}
    assert "is in account 999999999999, not in" in problems.pop(wrong)
    assert set(problems.values()) == {""}
    assert (str(state_of(found)), codes(found)) == (state, (code, code))
    assert found.pairs[0].trusted_exists is (None if wrong == "account_b" else True)


def test_without_any_account_status_fails_but_reports_compositions(stage):
    stage.after_up()
    stage.aws.callers = {"account_a": "1" * 11 + "9", "account_b": "1" * 11 + "9"}

    found = read_status(stage)

    assert codes(found) == (Exit.FAILED, Exit.FAILED)
    assert [c.applied for c in found.compositions] == [True, True]


def test_drift_is_checked_in_applied_compositions(stage):
    stage.after_up()
    asked = []

    def drifted(_folder, composition):
        asked.append(composition.name)
        return Drift(("aws_iam_role.this: inline_policy",)) if composition.name == "account_a" else Drift()

    found = read_status(stage, drifted)
    assert sorted(asked) == ["account_a", "account_b"]
    assert (state_of(found), codes(found)) == (PairState.EXACT, (0, 2))


def test_drift_is_not_checked_in_unreadable_accounts(stage):
    stage.after_up()
    stage.aws.callers = {"account_b": "999999999999"}

    found = read_status(
        stage, lambda _folder, composition: Drift() if composition.name == "account_a" else Drift(("x",))
    )

    assert [c.drift.problem for c in found.compositions] == ["", "drift not checked: account_b cannot be read"]
    assert codes(found) == (0, 1)


def test_a_failed_drift_check_is_not_reported_as_no_drift(stage):
    stage.after_up()
    found = read_status(stage, lambda *_: Drift(problem="found no Terraform"))

    assert codes(found) == (0, 1)


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("tfdriver.yaml", "read_capacity: 5", "read_capacity: 6", ["account_a", "account_b"]),
        ("tfdriver.yaml", "project: foo-bar", "project: renamed", ["account_a", "account_b"]),
        ("modules/team_b_bar_app/lambda/handler.py", "import json", "import json  # edited", ["account_b"]),
        ("modules/team_a_foo_ddb/main.tf", "MyPrimaryKey", "AnotherKey", []),
    ],
)
@pytest.mark.parametrize("planned", [False, True])
def test_edits_since_up_are_a_difference_also_after_a_plan(stage, file, old, new, stale, planned):
    stage.after_up()
    path = stage.project / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    if planned:
        with stage.session("plan") as session:
            plan(session)
    before = files(stage)
    found = read_status(stage)
    assert [c.name for c in found.compositions if c.current is False] == stale
    assert codes(found) == (0, 2 if stale else 0)
    assert files(stage) == before


def test_an_edit_whose_apply_has_failed_is_a_difference_until_it_is_applied(stage):
    stage.after_up()
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("read_capacity: 5", "read_capacity: 6"))
    stage.world.change(lambda w: w.update(fail={"apply account_a": {"error": "AccessDenied: no"}}))
    with pytest.raises(TfdriverError):
        stage.run(up)
    failed = [c.current for c in read_status(stage).compositions]
    stage.world.change(lambda w: w.update(fail={}))
    stage.run(up)

    assert failed == [False, True]
    assert [c.current for c in read_status(stage).compositions] == [True, True]


def test_an_unmanaged_file_is_reported(stage):
    stage.after_up()
    (stage.project / "compositions/account_a/z.auto.tfvars").write_text("")

    found = read_status(stage)

    assert "Terraform would load this file, which tfdriver did not write" in found.compositions[0].problem
    assert found.compositions[0].current is None


def test_the_exposure_is_reported(stage):
    line = {
        "at": "2026-01-01T23:00:00+00:00",
        "role": "foo_bar",
        "account": "account_a",
        "kind": "broad",
        "trusted": "account 222222222222",
    }
    (stage.project / "compositions").mkdir()
    (stage.project / "compositions" / "timeline.jsonl").write_text(json.dumps(line) + "\n")

    (exposure,) = read_status(stage).exposures

    assert (exposure.seconds, exposure.closed) == (3600, None)


def test_a_state_that_was_lost_is_reported(stage):
    stage.after_up()
    shutil.rmtree(stage.project / "compositions")

    found = read_status(stage)

    assert [(c.applied, "the state may have been lost" in c.problem) for c in found.compositions] == [(False, True)] * 2
    assert codes(found) == (0, 2)


def test_a_bad_spec_is_an_error(stage):
    (stage.project / "tfdriver.yaml").write_text("version: 7\n")
    with pytest.raises(TfdriverError) as caught:
        read_status(stage)
    assert caught.value.code == "invalid_spec"


UNMANAGED = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}


def make_unmanaged(stage: Stage) -> None:
    set_trust(stage, UNMANAGED)


def edit_spec(stage: Stage) -> None:
    path = stage.project / "tfdriver.yaml"
    path.write_text(path.read_text().replace("read_capacity: 5", "read_capacity: 6"))


def lose_states(stage: Stage) -> None:
    shutil.rmtree(stage.project / "compositions")


@pytest.mark.parametrize(
    ("tightened", "happens", "advice"),
    [
        (True, [], Advice.NONE),
        (False, [], Advice.TIGHTEN),
        (False, [edit_spec], Advice.UP),  # `up` also tightens
        (True, [make_unmanaged, edit_spec], Advice.OVERWRITE),
        (False, [edit_spec, lose_states], Advice.ADOPT),  # without --adopt, `up` and `tighten` stop
        (True, [make_unmanaged, lose_states], Advice.ADOPT),
    ],
)
def test_exactly_one_advice_is_printed(stage, capsys, tightened, happens, advice):
    stage.after_up(tighten=tightened)
    for happen in happens:
        happen(stage)

    found = read_status(stage)
    Output().result("status", found, print_status)

    assert found.advice == advice
    printed = capsys.readouterr().out
    assert printed.count("`tfdriver ") == advice.count("`tfdriver ")
    assert printed.endswith(f"Next: {advice}.\n") is bool(advice)


def test_a_past_exposure_is_printed_once_without_a_deadline(stage, capsys):
    (stage.project / "compositions").mkdir()
    lines = [
        {"at": f"2026-01-01T23:00:0{second}+00:00", "role": "foo_bar", "account": "account_a", "kind": kind}
        for second, kind in ((0, "broad"), (9, "exact"))
    ]
    lines[0] |= {"trusted": "account 222222222222, only as role/bar", "until": "2026-01-02T00:00:00+00:00"}
    path = stage.project / "compositions" / "timeline.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    Output().result("status", read_status(stage), print_status)

    _, _, below = capsys.readouterr().out.partition("Exposures: when a broad trust was in force\n")
    exposure, *_ = below.splitlines()
    assert exposure.endswith("from 2026-01-01 23:00:00 UTC for 9.0 s: account 222222222222, only as role/bar")
    assert below.count("only as role/bar") == 1
    assert "until" not in below
