"""Shards and phases in a fake world: `--shard` and `--phase`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.world import FakeAws, Lines, Stage
from tests.functional.deploy.test_many import BAR, COUNT, all_exact, applies, ever_broad, fail, with_accounts, writes
from tests.functional.inspect.test_status import read_status
from tfdriver.cli import main
from tfdriver.cli import session as cli_session
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.session import Tools
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.iam.trust_state import Phase
from tfdriver.project.selection import Selection, Shard
from tfdriver.verify.verify import with_others
from tfdriver.waiting import Waiting

SHARDS = 3  # a01 and a02 are in 1/3, apps is in 2/3, a00 and a03 are in 3/3


class CountingAws(FakeAws):
    """An AWS that keeps the accounts of all calls."""

    called: set[str]

    def caller(self, account):
        self.called.add(account.name)
        return super().caller(account)


@pytest.fixture
def fleet(stage: Stage) -> list[Stage]:
    """Each shard of a project with four trusting accounts."""
    return shards(with_accounts(stage, COUNT))


def shards(stage: Stage) -> list[Stage]:
    return [replace(stage, selection=Selection(shard=Shard(n + 1, SHARDS)), progress=Lines()) for n in range(SHARDS)]


@pytest.fixture
def clones(stage: Stage) -> list[Stage]:
    """The same, in a clone of its own, with states in a backend."""
    with_accounts(stage, COUNT)
    edit(stage, lambda spec: spec.update(state={"backend": "s3", "bucket": "b", "key": "{composition}"}))
    found = []
    for number, shard in enumerate(shards(stage)):
        clone = stage.project.with_name(f"clone-{number}")
        shutil.copytree(stage.project, clone)
        aws = CountingAws(stage.world)
        aws.called = set()
        found.append(replace(shard, project=clone, aws=aws))
    return found


def edit(stage: Stage, change: Callable[[dict[str, Any]], Any]) -> None:
    path = stage.project / "tfdriver.yaml"
    spec = json.loads(path.read_text())
    change(spec)
    path.write_text(json.dumps(spec))


def in_phase(fleet: list[Stage], phase: Phase) -> list[Any]:
    return [shard.run(up, phase=phase) for shard in fleet]


def codes(results: list[Any]) -> list[Exit]:
    return [done.exit_code for done in results]


def test_three_shards_in_three_phases_open_one_role_and_end_exact(fleet):
    opened = in_phase(fleet, Phase.BROAD)
    assert (codes(opened), applies(fleet[0])) == ([Exit.DONE, Exit.DONE, Exit.OPEN_TRUST], ["a00"])
    assert opened[2].advice == "Go on with `--phase connect`, then `--phase tighten`"
    assert [step.composition for step in opened[2].steps] == ["a00"]

    connected = in_phase(fleet, Phase.CONNECT)
    assert (codes(connected), applies(fleet[0])) == ([Exit.DONE, Exit.DONE, Exit.OPEN_TRUST], ["a00", "apps"])

    assert codes(in_phase(fleet, Phase.TIGHTEN)) == [Exit.DONE] * 3
    assert all_exact(fleet[0])
    assert ever_broad(fleet[0]) == ["foo00"]

    before, applied = len(writes(fleet[0])), applies(fleet[0])
    for phase in (Phase.BROAD, None):
        assert {done.summary for done in in_phase(fleet, phase)} == {"nothing to change"}
    assert (len(writes(fleet[0])), applies(fleet[0])) == (before, applied)


def test_only_phase_tighten_verifies(fleet):
    proved = []

    def prove(session, current):
        proved.append(({c.name for c in session.workspace.compositions}, current))
        return Verified(Exit.DONE, "", (), "")

    for phase in Phase:
        for shard in fleet:
            shard.run(up, phase=phase, prove=prove)

    assert proved == [({"a01", "a02"}, {"a01", "a02"}), ({"apps"}, frozenset()), ({"a00", "a03"}, {"a00", "a03"})]


def test_a_shard_in_a_clone_calls_only_the_accounts_of_its_compositions_and_those_that_they_name(clones):
    for phase in Phase:
        in_phase(clones, phase)
    shard, other = clones[:2]
    shard.aws.called.clear()

    again = [shard.run(up, phase=phase).summary for phase in (Phase.TIGHTEN, None)]
    with shard.session("plan") as session:
        planned = plan(session)

    assert again == ["nothing to change"] * 2
    assert all_exact(shard)
    assert shard.aws.called == {"a01", "a02", "apps"}
    assert [p.composition for p in planned.phases] == ["a01", "a02"]
    assert [role.role for role in planned.overview.roles] == ["foo01", "foo02"]
    assert [pair.trusting for pair in read_status(shard).pairs] == ["foo01", "foo02"]
    assert [c.name for c in read_status(other).compositions] == ["apps"]


def test_verify_waits_for_the_state_of_a_composition_that_another_shard_is_applying(clones):
    in_phase(clones, Phase.BROAD)
    clock = replace(clones[0].time.clock(), sleep=lambda _: clones[1].run(up, phase=Phase.CONNECT))

    with clones[0].session("verify") as session:
        at_once = with_others(session, Waiting(0, clock))
        waited = with_others(session, Waiting(60, clock, tell=clones[0].progress.note))

    assert session.states.keys() == {"a01", "a02"}
    assert (at_once.states["apps"], waited.states["apps"].complete) == (None, True)
    assert clones[0].progress.said[-1] == "waiting until another shard has applied apps"


def test_a_phase_before_the_earlier_one_is_refused(fleet):
    with pytest.raises(TfdriverError) as caught:
        fleet[1].run(up, phase=Phase.CONNECT)
    assert (caught.value.code, caught.value.where) == ("role_missing", "role foo00 in a00")
    assert "Run `--phase broad` before, in all shards" in caught.value.hint

    in_phase(fleet, Phase.BROAD)
    for shard, expected in ((fleet[0], TfdriverError), (fleet[2], OpenTrustError)):
        with pytest.raises(expected) as caught:
            shard.run(up, phase=Phase.TIGHTEN)
        assert (caught.value.code, caught.value.where) == ("role_missing", "role bar in apps")
    assert applies(fleet[0]) == ["a00"]


@pytest.mark.parametrize("phase", list(Phase))
def test_a_shard_that_fails_in_a_phase_is_run_again(fleet, phase):
    for earlier in list(Phase)[: list(Phase).index(phase)]:
        in_phase(fleet, earlier)
    fail(fleet[0], *(f"apply {name}" for name in ("apps", "a00")))
    for shard in fleet:
        with_errors(shard, phase)
    fail(fleet[0])

    for later in list(Phase)[list(Phase).index(phase) :]:
        in_phase(fleet, later)

    assert all_exact(fleet[0])
    assert ever_broad(fleet[0]) == ["foo00"]


def with_errors(shard: Stage, phase: Phase) -> None:
    try:
        shard.run(up, phase=phase)
    except TfdriverError as error:
        assert "no apply" in str(error)


def test_tighten_and_destroy_of_a_shard_change_only_its_compositions(fleet):
    in_phase(fleet, Phase.BROAD)
    in_phase(fleet, Phase.CONNECT)

    assert codes([shard.run(tighten) for shard in fleet]) == [Exit.DONE] * 3
    in_phase(fleet, Phase.TIGHTEN)
    assert all_exact(fleet[0])
    roles = [
        sorted(role["name"] for role in shard.world.data["roles"].values())
        for shard in fleet
        if shard.run(destroy).exit_code is Exit.DONE
    ]

    assert roles == [["bar", "foo00", "foo03"], ["foo00", "foo03"], []]


def test_a_shard_does_not_trust_an_unmanaged_role_of_another_one(fleet):
    role = {"name": "bar", "account": "222222222222", "trust": {"Statement": []}, "id": "AROANAMESAKE", "tags": {}}
    fleet[0].world.change(lambda w: w["roles"].update({BAR: role}))

    for shard in fleet:
        with pytest.raises(TfdriverError, match=r"role bar in apps.*is not managed by this project"):
            shard.run(up)
    assert applies(fleet[0]) == []

    fleet[0].world.change(lambda w: w["roles"].clear())
    in_phase(fleet, Phase.BROAD)
    fleet[0].world.change(lambda w: w["roles"].update({BAR: role}))
    with pytest.raises(OpenTrustError, match=r"role bar in apps.*is not managed by this project"):
        fleet[2].run(tighten)


def test_an_edit_of_the_spec_that_another_shard_applies_later_stops_no_shard(fleet):
    for phase in Phase:
        in_phase(fleet, phase)
    edit(fleet[0], lambda spec: spec["roles"]["foo00"].update(external_id="0123456789"))

    for phase in Phase:
        assert codes(in_phase(fleet, phase)) == [Exit.DONE] * 3


@pytest.fixture
def tfdriver(stage, monkeypatch, capsys) -> Iterator[Callable[..., Any]]:
    """Run a command line in the fake world; return its exit code, stdout and stderr."""
    with_accounts(stage, COUNT)

    def tools(_environ, progress, interrupts):
        return Tools(stage.environ, progress, interrupts, stage.aws, stage.time.clock())

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(["-C", str(stage.project), *arguments])
        return code, *capsys.readouterr()

    monkeypatch.setattr(cli_session, "real_tools", tools)
    return run


def test_phases_and_shards_on_the_command_line(tfdriver):
    codes, steps = [], []
    for phase in ("broad", "connect", "tighten"):
        for shard in ("1/3", "2/3", "3/3"):
            code, out, _ = tfdriver("up", "--yes", "--json", "--no-verify", "--phase", phase, "--shard", shard)
            codes.append(code)
            steps += [(phase, step["composition"]) for step in json.loads(out)["result"]["steps"]]

    assert codes == [0, 0, 3, 0, 0, 3, 0, 0, 0]
    assert steps[:2] == [("broad", "a00"), ("connect", "apps")]
    assert sorted(steps[2:]) == [("tighten", f"a{n:02d}") for n in range(COUNT)]
    assert tfdriver("plan", "--detailed-exitcode", "--shard", "1/3")[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        "up --yes --json",
        "up --yes --json --phase broad",
        "plan --json",
        "tighten --yes --json",
        "verify --json",
        "status --json",
        "status --json --detailed-exitcode",
        "destroy --yes --json",
    ],
)
def test_an_empty_shard_is_done(tfdriver, stage, command):
    code, out, err = tfdriver(*command.split(), "--shard", "7/99")

    assert (code, json.loads(out)["command"]) == (0, command.split()[0])
    assert "nothing in this shard: none of 5 compositions is in shard 7/99" in err
    assert "No changes: AWS has" not in err
    assert {name for name, _ in stage.world.calls()} <= {"version"}


def test_a_shard_of_one_side_of_two_teams(tfdriver):
    code, out, _ = tfdriver("plan", "--json", "--only", "a*", "--exclude", "a01", "--shard", "1/3")

    assert (code, [p["composition"] for p in json.loads(out)["result"]["phases"]]) == (0, ["a02"])
