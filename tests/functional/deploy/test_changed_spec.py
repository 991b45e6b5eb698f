"""A spec edited after `up`: a trust that AWS returns as it was applied is changed without `--overwrite`."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage
from tests.functional.inspect.test_status import codes, read_status
from tfdriver.deploy.plan import plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam import trust
from tfdriver.iam.trust import Trust
from tfdriver.inspect.role_pairs import Advice, PairState

BAR, OTHER = (f"arn:aws:iam::222222222222:role/{name}" for name in ("bar", "other"))
SECOND_ROLE = "\n  other:\n    account: account_b\n    module: team_b_bar_app\n"


def trusted(stage: Stage) -> Trust | None:
    return trust.read_trust(stage.world.trust("foo_bar"))


def edit_spec(stage: Stage, old: str, new: str) -> None:
    spec = stage.project / "tfdriver.yaml"
    assert old in spec.read_text()
    spec.write_text(spec.read_text().replace(old, new))


@pytest.fixture
def two(stage) -> Stage:
    """A project after `up` in which foo_bar trusts bar and other; then other is taken out of `trusts`."""
    spec = stage.project / "tfdriver.yaml"
    spec.write_text(spec.read_text() + SECOND_ROLE)
    edit_spec(stage, "trusts: [bar]", "trusts: [bar, other]")
    stage.run(up)
    edit_spec(stage, "trusts: [bar, other]", "trusts: [bar]")
    edit_spec(stage, SECOND_ROLE, "")
    return stage


@pytest.mark.parametrize("command", [up, tighten])
def test_a_role_taken_out_of_trusts_is_an_ordinary_change(two, command):
    writes = len(two.world.data["writes"])

    assert two.run(command).exit_code is Exit.DONE

    assert trusted(two) == Trust(frozenset({BAR}))
    assert [name for _, name, _ in two.world.data["writes"][writes:]] == ["foo_bar"]


def test_plan_and_status_show_a_role_taken_out_of_trusts(two):
    with two.session("plan") as session:
        planned = plan(session)
    found = read_status(two)

    assert "the spec has changed: it trusts role other" in planned.overview.roles[0].now
    assert [(p.state, p.advice) for p in found.pairs] == [(PairState.CHANGED, Advice.UP)]
    assert codes(found) == (0, 2)


def test_another_external_id_is_an_ordinary_change(stage):
    stage.after_up()
    edit_spec(stage, "trusts: [bar]", "trusts: [bar]\n    external_id: new-id")

    assert stage.run(up).exit_code is Exit.DONE

    assert trusted(stage) == Trust(frozenset({BAR}), external_id="new-id")


def test_a_broad_trust_stays_as_it_is_until_phase_3(stage):
    stage.after_up(tighten=False)
    before = stage.world.trust("foo_bar")
    edit_spec(stage, "trusts: [bar]", "trusts: [bar]\n    external_id: new-id")
    seen = []
    stage.progress.phase = lambda _title: seen.append(stage.world.trust("foo_bar"))

    assert stage.run(up).exit_code is Exit.DONE

    assert seen
    assert all(policy == before for policy in seen)
    assert trusted(stage) == Trust(frozenset({BAR}), external_id="new-id")


@pytest.mark.parametrize("command", [up, tighten])
def test_an_edit_by_hand_is_unmanaged_also_after_an_edit_of_the_spec(two, command):
    by_hand = trust.document(Trust(frozenset({BAR, OTHER, "arn:aws:iam::333333333333:role/eve"})))
    two.world.change(lambda w: next(r for r in w["roles"].values() if r["name"] == "foo_bar").update(trust=by_hand))

    with pytest.raises(TfdriverError, match=r"nor the one in the state: it trusts .*role eve in account 333") as caught:
        two.run(command)

    assert caught.value.code == "unmanaged_trust"
    assert two.world.trust("foo_bar") == by_hand


def test_a_role_created_again_with_the_same_trust_is_not_the_one_in_the_state(two):
    two.world.change(lambda w: next(r for r in w["roles"].values() if r["name"] == "foo_bar").update(id="AROANEW"))

    with pytest.raises(TfdriverError):
        two.run(up)
    assert [p.state for p in read_status(two).pairs] == [PairState.UNMANAGED]
