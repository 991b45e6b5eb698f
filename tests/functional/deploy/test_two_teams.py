"""Two teams with the credentials of one account each, in a fake world: `--only`."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.world import FakeAws, Stage
from tests.functional.deploy.test_many import ever_broad, writes
from tests.functional.inspect.test_status import read_status
from tfdriver.aws.calls import AwsError
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.iam import trust
from tfdriver.inspect.role_pairs import PairState
from tfdriver.project.selection import Selection
from tfdriver.verify.verify import verify

BAR = "arn:aws:iam::222222222222:role/bar"
FOO = "arn:aws:iam::111111111111:role/foo_bar"


@dataclass
class OneSide(FakeAws):
    """An AWS with the profile of one account. called: the accounts of all calls."""

    account: str = ""
    called: set[str] = field(default_factory=set)

    def caller(self, account):
        self._check(account)
        return super().caller(account)

    def read_role(self, account, name):
        self._check(account)
        return super().read_role(account, name)

    def call(self, account, service, ask):
        self._check(account)
        return super().call(account, service, ask)

    def _check(self, account) -> None:
        self.called.add(account.name)
        if account.name != self.account:
            where = f"account {account.name} (profile {account.profile})"
            raise AwsError("the AWS profile does not exist", code="profile_not_found", where=where, hint="Create it")


def team(stage: Stage, account: str, *, only: bool = True) -> Stage:
    """A clone of the project with the credentials of one account."""
    clone = stage.project.with_name(f"clone-{account}")
    if not clone.exists():
        shutil.copytree(stage.project, clone, ignore=shutil.ignore_patterns("compositions"))
    selection = Selection((account,)) if only else Selection()
    return replace(stage, project=clone, aws=OneSide(stage.world, account=account), selection=selection)


def give(giver: Stage, taker: Stage) -> None:
    """Commit and pull: what the giver has in the folder of its account."""
    (account,) = giver.selection.only
    folder = taker.project / "compositions" / account
    shutil.rmtree(folder, ignore_errors=True)
    if outputs(giver, account).exists():
        folder.mkdir(parents=True)
        shutil.copy(outputs(giver, account), folder)


def outputs(stage: Stage, account: str) -> Path:
    return stage.project / "compositions" / account / "outputs.json"


def edit(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.fixture
def a(stage: Stage) -> Stage:
    return team(stage, "account_a")


@pytest.fixture
def b(stage: Stage) -> Stage:
    return team(stage, "account_b")


def is_broad(stage: Stage) -> bool:
    return trust.read_trust(stage.world.trust("foo_bar")).broad


def test_the_trusting_team_first(a, b):
    views = []
    opened = a.run(up, confirm=views.append)

    assert (opened.exit_code, is_broad(a)) == (Exit.OPEN_TRUST, True)
    assert opened.advice == (
        "Commit the changes in compositions/. "
        "Ask the owner of account_b to run `tfdriver up --only account_b` and to commit. "
        "Then pull and run `tfdriver tighten --only account_a` to trust exactly its roles. "
        "Or run `tfdriver destroy --only account_a` to delete everything that this project created there"
    )
    assert [(p.phase, p.composition) for p in views[0].phases] == [("broad", "account_a")]
    assert list(views[0].overview.roles[0].phases) == ["broad"]
    assert views[0].question == "Connect account_a as shown?"

    give(a, b)
    connected = b.run(up)
    assert (connected.exit_code, connected.in_force) == (Exit.DONE, "")
    assert connected.advice == (
        "Commit the changes in compositions/. "
        "Ask the owner of account_a to run `tfdriver up --only account_a` and to commit"
    )
    assert is_broad(a)

    give(b, a)
    assert a.run(tighten).exit_code is Exit.DONE
    assert trust.read_trust(a.world.trust("foo_bar")) == trust.Trust(frozenset({BAR}))
    assert (a.run(up).summary, a.run(up).advice) == ("nothing to change", "")
    assert (a.aws.called, b.aws.called) == ({"account_a"}, {"account_b"})


def test_messages_name_the_owner_of_an_account(stage):
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(re.sub(r"( account_b: \{)", r"\1owner: platform team, ", spec.read_text()))

    advice = team(stage, "account_a").run(up).advice

    assert (
        "Ask platform team, the owner of account_b, to run `tfdriver up --only account_b` and to commit. Then" in advice
    )


def test_the_trusted_team_first(a, b):
    views = []
    assert b.run(up).exit_code is Exit.DONE
    give(b, a)

    done = a.run(up, confirm=views.append)

    assert (done.exit_code, done.advice) == (Exit.DONE, "")
    assert ever_broad(a) == []
    exact = "role bar in account 222222222222"
    assert views[0].overview.roles[0].phases == {"broad": exact, "tighten": exact}
    assert trust.read_trust(a.world.trust("foo_bar")) == trust.Trust(frozenset({BAR}))
    assert (a.aws.called, b.aws.called) == ({"account_a"}, {"account_b"})


@pytest.mark.parametrize("command", [up, tighten])
def test_a_broad_trust_becomes_exact_once_the_other_team_has_committed(a, b, command):
    a.run(up)
    b.run(up)
    give(b, a)

    assert a.run(command).exit_code is Exit.DONE
    assert not is_broad(a)


def test_a_trusted_role_that_was_deleted_since_is_refused_and_never_trusted_broadly(a, b):
    b.run(up)
    give(b, a)
    b.run(destroy)

    with pytest.raises(
        TfdriverError, match=r"compositions/account_b/outputs\.json is stale: the role was del"
    ) as caught:
        a.run(up)

    assert (caught.value.code, caught.value.in_force) == ("principal_refused", "")
    assert "Ask the owner of account_b to run `tfdriver up --only account_b` and to commit" in caught.value.hint
    assert (FOO in a.world.data["roles"], ever_broad(a)) == (False, [])


def test_tighten_without_outputs_of_the_trusted_role_keeps_the_trust_and_names_the_other_team(a, b):
    a.run(up)
    b.run(up)  # not pulled yet: for team A, the role may be anybody's
    writes_before = writes(a)

    with pytest.raises(OpenTrustError, match=r"account_b/outputs\.json does not exist") as caught:
        a.run(tighten)

    assert (caught.value.code, is_broad(a), writes(a)) == ("bad_outputs", True, writes_before)
    assert caught.value.hint.count("Ask the owner of account_b") == 1
    assert "`tfdriver tighten --only account_a`" in caught.value.hint


@pytest.mark.parametrize("command", [up, tighten])
def test_bad_outputs_are_refused_before_anything_is_done_and_do_not_stop_status_and_destroy(a, b, command):
    a.run(up)
    b.run(up)
    give(b, a)
    edit(outputs(a, "account_b"), account_id="333333333333")
    a.world.forget_calls()

    with pytest.raises(OpenTrustError, match="account_id is 333333333333, the spec says 222222222222") as caught:
        a.run(command)

    assert (caught.value.code, a.world.calls(), is_broad(a)) == ("bad_outputs", [], True)
    assert "tfdriver tighten" not in caught.value.hint
    assert "is refused: account_id is 333333333333" in str(read_status(a).unseen_roles[0])
    assert a.run(destroy).exit_code is Exit.DONE


def test_the_trusted_team_refuses_another_external_id_than_the_spec_says(a, b):
    a.run(up)
    give(a, b)
    spec = b.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("trusts: [bar]", "trusts: [bar]\n    external_id: one-two-three"))

    with pytest.raises(TfdriverError, match="external_id is none, the spec says one-two-three") as caught:
        b.run(up)

    assert (caught.value.code, list(b.world.data["roles"])) == ("bad_outputs", [FOO])


def test_outputs_change_only_with_their_values(a):
    a.run(up)
    file = outputs(a, "account_a")
    written = file.read_bytes()
    found = json.loads(written)
    assert found == {
        "version": 1,
        "project": "foo-bar",
        "composition": "account_a",
        "account_id": "111111111111",
        "at": "2026-01-02T00:00:00Z",
        "caller": "arn:aws:iam::111111111111:user/admin",
        "roles": {"foo_bar": {"arn": FOO, "unique_id": a.world.data["roles"][FOO]["id"]}},
    }

    a.time.sleep(100)
    a.run(up)
    assert file.read_bytes() == written

    file.unlink()
    file.mkdir()
    a.run(up)
    assert any("outputs.json" in line and line.startswith("warning: ") for line in a.progress.said)
    file.rmdir()
    file.touch()

    for change in (file.unlink, lambda: edit(file, roles={})):
        change()
        a.run(up)
        assert json.loads(file.read_text()) == found | {"at": "2026-01-02T00:01:40Z"}


def test_a_second_up_keeps_a_broad_trust_and_applies_other_changes(a):
    a.run(up)
    before = a.world.trust("foo_bar")
    again = a.run(up)
    spec = a.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("read_capacity: 5", "read_capacity: 6"))

    changed = a.run(up)

    assert (again.steps, again.exit_code, changed.exit_code) == ((), Exit.OPEN_TRUST, Exit.OPEN_TRUST)
    assert a.world.trust("foo_bar") == before


def test_an_exact_trust_stays_exact(stage, a):
    stage.run(up)
    stage.world.change(lambda w: w.update(writes=[]))

    for command in (up, tighten):
        assert a.run(command, adopt=True).exit_code is Exit.DONE

    assert not is_broad(a)
    assert not any(broad for _, _, broad in writes(stage))


def test_a_trust_in_a_deleted_role_is_not_replaced_unseen(stage, a):
    stage.run(up)
    shutil.copytree(stage.project / "compositions", a.project / "compositions")
    stage.world.change(lambda w: w["roles"].pop(BAR))
    dead = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "AROADEAD"}}
    stage.world.change(lambda w: w["roles"][FOO].update(trust={"Version": "2012-10-17", "Statement": [dead]}))

    for command in (up, tighten):
        outputs(a, "account_b").unlink(missing_ok=True)
        with pytest.raises(TfdriverError, match="trusts a deleted role, and the role that has its name now cannot"):
            a.run(command)


def test_a_trust_in_a_deleted_role_is_replaced_if_the_other_team_has_created_another_one(stage, a, b):
    stage.run(up)
    for team_of in (a, b):
        shutil.copytree(stage.project / "compositions", team_of.project / "compositions")
    stale = json.loads(outputs(a, "account_b").read_text())["roles"]
    b.run(destroy)
    dead = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": stale["bar"]["unique_id"]}}
    stage.world.change(lambda w: w["roles"][FOO].update(trust={"Version": "2012-10-17", "Statement": [dead]}))
    b.run(up)

    for command in (up, tighten):
        with pytest.raises(TfdriverError, match=r"outputs\.json still lists the deleted role's id") as caught:
            a.run(command)
        assert caught.value.code == "bad_outputs"
    give(b, a)

    assert a.run(tighten).exit_code is Exit.DONE
    assert trust.read_trust(a.world.trust("foo_bar")) == trust.Trust(frozenset({BAR}))
    assert json.loads(outputs(a, "account_b").read_text())["roles"] != stale


def test_plan_verify_and_status_report_what_they_do_not_cover(a, b):
    b.run(up)
    give(b, a)
    a.run(up)

    with a.session("plan") as session:
        assert not plan(session).differences
    with a.session("verify") as session:
        found = verify(session)
    assert [c.name for c in found.those(CheckStatus.PASSED)] == ["trust-policy", "permissions"]
    assert [c.happened for c in found.those(CheckStatus.NOT_PROBED)] == ["needs account_b, which is not selected"]
    statuses = [read_status(side) for side in (a, b)]
    assert [s.pairs[0].state for s in statuses] == [PairState.EXACT, PairState.UNKNOWN]
    assert [s.exit_code(detailed=True) for s in statuses] == [Exit.DONE, Exit.DONE]
    (bar,), (foo,) = (status.unseen_roles for status in statuses)
    assert str(bar) == (
        f"role bar in account_b: unknown, compositions/account_b/outputs.json lists {BAR} ({bar.unique_id}) since "
        "2026-01-02 00:00:00 UTC, applied by arn:aws:iam::222222222222:user/admin"
    )
    assert foo.words == "account_a is not selected, and compositions/account_a/outputs.json does not exist"
    assert [[x.selected for x in s.accounts] for s in statuses] == [[True, False], [False, True]]
    assert (a.aws.called, b.aws.called) == ({"account_a"}, {"account_b"})


@pytest.mark.parametrize("first", ["account_a", "account_b"])
def test_each_team_destroys_its_own_side(stage, a, b, first):
    b.run(up)
    give(b, a)
    a.run(up)
    teams = {"account_a": a, "account_b": b}

    done = teams.pop(first).run(destroy)
    (left,) = stage.world.data["roles"].values()
    (other,) = teams.values()

    assert (done.exit_code, done.advice) == (Exit.DONE, "")
    assert [outputs(a, "account_a").exists(), outputs(a, "account_b").exists()] == [first == "account_b", True]
    assert left["account"] == {"account_a": "222222222222", "account_b": "111111111111"}[first]
    assert other.run(destroy).exit_code is Exit.DONE
    assert stage.world.data["roles"] == {}
    assert (a.aws.called, b.aws.called) == ({"account_a"}, {"account_b"})


def test_a_missing_profile_is_named_with_the_option_that_leaves_its_account_out(stage):
    without = team(stage, "account_a", only=False)

    with pytest.raises(TfdriverError, match=r"account account_b \(profile account_b\).*does not exist") as caught:
        without.run(up)

    assert (caught.value.code, stage.world.data["roles"]) == ("profile_not_found", {})
    assert caught.value.hint == (
        "Add `--only account_a` to the command if another team runs it for account_b. Or: Create it"
    )


def test_an_unknown_account_is_refused_with_the_nearest(a):
    a.selection = Selection(("acount_a",))

    with pytest.raises(TfdriverError, match=r"is named .acount_a.\. Did you mean account_a"):
        a.run(up)

    assert a.aws.called == set()
