"""Two teams with the credentials of one account each, in a fake world: `--only`."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.world import FakeAws, Stage
from tests.functional.deploy.test_many import writes
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
        "Ask the owner of account_b to run `tfdriver up --only account_b`. "
        "Then run `tfdriver tighten --only account_a` to trust exactly its roles. "
        "Or run `tfdriver destroy --only account_a` to delete everything that this project created there"
    )
    assert [(p.phase, p.composition) for p in views[0].phases] == [("broad", "account_a")]
    assert list(views[0].overview.roles[0].phases) == ["broad"]
    assert views[0].question == "Connect account_a as shown?"

    connected = b.run(up)
    assert (connected.exit_code, connected.in_force) == (Exit.DONE, "")
    assert connected.advice == (
        "Ask the owner of account_a to run `tfdriver up --only account_a`, then `tfdriver tighten --only account_a`"
    )
    assert is_broad(a)

    assert a.run(tighten).exit_code is Exit.DONE
    assert trust.read_trust(a.world.trust("foo_bar")) == trust.Trust(frozenset({BAR}))
    assert (a.run(up).summary, a.run(up).advice) == ("nothing to change", "")
    assert (a.aws.called, b.aws.called) == ({"account_a"}, {"account_b"})


def test_messages_name_the_owner_of_an_account(stage):
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(re.sub(r"( account_b: \{)", r"\1owner: platform team, ", spec.read_text()))

    advice = team(stage, "account_a").run(up).advice

    assert "Ask platform team, the owner of account_b, to run `tfdriver up --only account_b`. Then run" in advice


def test_the_trusted_team_first(a, b):
    assert b.run(up).exit_code is Exit.DONE
    assert a.run(up).exit_code is Exit.OPEN_TRUST
    assert a.run(tighten).exit_code is Exit.DONE
    assert not is_broad(a)


def test_tighten_before_the_trusted_role_exists_keeps_the_trust_and_names_the_other_team(a):
    a.run(up)

    with pytest.raises(OpenTrustError, match="IAM does not accept this principal") as caught:
        a.run(tighten)

    assert is_broad(a)
    assert caught.value.hint.count("Ask the owner of account_b to run `tfdriver up --only account_b`") == 1
    assert "`tfdriver tighten --only account_a`" in caught.value.hint


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
        with pytest.raises(TfdriverError, match="trusts a deleted role, and the role that has its name now cannot"):
            a.run(command)


def test_plan_verify_and_status_report_what_they_do_not_cover(a, b):
    a.run(up)
    b.run(up)
    a.run(tighten)

    with a.session("plan") as session:
        assert not plan(session).differences
    with a.session("verify") as session:
        found = verify(session)
    assert [c.name for c in found.those(CheckStatus.PASSED)] == ["trust-policy", "permissions"]
    assert [c.happened for c in found.those(CheckStatus.NOT_PROBED)] == ["account_b is not selected"]
    statuses = [read_status(side) for side in (a, b)]
    assert [s.pairs[0].state for s in statuses] == [PairState.EXACT, PairState.UNKNOWN]
    assert [s.exit_code(detailed=True) for s in statuses] == [Exit.DONE, Exit.DONE]
    assert [[x.selected for x in s.accounts] for s in statuses] == [[True, False], [False, True]]
    assert (a.aws.called, b.aws.called) == ({"account_a"}, {"account_b"})


@pytest.mark.parametrize("first", ["account_a", "account_b"])
def test_each_team_destroys_its_own_side(stage, a, b, first):
    a.run(up)
    b.run(up)
    a.run(tighten)
    teams = {"account_a": a, "account_b": b}

    done = teams.pop(first).run(destroy)
    (left,) = stage.world.data["roles"].values()
    (other,) = teams.values()

    assert (done.exit_code, done.advice) == (Exit.DONE, "")
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
