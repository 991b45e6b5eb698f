"""What is known of a run before the question, in a fake world."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan_view import Counts, Planned
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam import trust

BAR = "arn:aws:iam::222222222222:role/bar"
EXACT = trust.Trust(frozenset({BAR}))


class Asked:
    """A confirmation that keeps what it was shown. answer: whether to go on."""

    def __init__(self, *, answer: bool) -> None:
        self._answer = answer
        self.planned: list[Planned] = []

    def __call__(self, planned: Planned) -> bool:
        self.planned.append(planned)
        if not self._answer:
            raise TfdriverError("not confirmed", code="not_confirmed")
        return True

    @property
    def only(self) -> Planned:
        (planned,) = self.planned
        return planned


def test_a_trusted_role_that_is_replaced_is_reported_as_cut_off_until_phase_3(stage: Stage):
    stage.after_up()
    stage.world.change(lambda w: w["roles"][BAR].update(tainted=True))
    yes = Asked(answer=True)

    done = stage.run(up, confirm=yes)

    connect, tightened = yes.only.phases
    assert connect.notes == (
        "role bar in account_b is replaced by a new role of this name, which cannot assume role foo_bar in account_a "
        "until phase 3 is done",
    )
    assert tightened.changes == ()
    assert tightened.notes == (
        "the trust policy of role foo_bar in account_a is saved again, so that it trusts the new role bar",
    )
    assert yes.only.question.endswith("and delete 1 resource?")
    assert done.exit_code is Exit.DONE
    assert trust.read_trust(stage.world.trust("foo_bar")) == EXACT


def test_up_without_phase_3_does_not_show_it(stage: Stage):
    yes = Asked(answer=True)

    stage.run(up, confirm=yes, tighten=False)

    assert [phase.phase for phase in yes.only.phases] == ["broad", "connect"]


def test_a_composition_that_cannot_be_planned_yet_is_named(stage: Stage):
    fault = {"error": "couldn't find resource", "address": "module.bar.data.aws_dynamodb_table.theirs"}
    stage.world.change(lambda w: w.update(fail={"plan account_b": fault}))
    no = Asked(answer=False)

    with pytest.raises(TfdriverError, match="not confirmed"):
        stage.run(up, confirm=no)

    (connect,) = (phase for phase in no.only.phases if phase.composition == "account_b")
    assert (connect.counts, connect.notes) == (Counts(), ("its changes are known only after phase 1",))


def test_a_revocation_is_shown_and_asked_about(stage: Stage):
    stage.after_up()
    no = Asked(answer=False)

    with pytest.raises(TfdriverError, match="not confirmed"):
        stage.run(tighten, confirm=no, revoke_sessions=True)

    assert no.only.phases[0].notes == ("all sessions of role foo_bar in account_a that were issued so far are revoked",)
    assert no.only.question == "Tighten the trust in account_a, and revoke all sessions issued so far?"


def test_destroy_lists_what_it_deletes(stage: Stage):
    stage.after_up()
    no = Asked(answer=False)

    with pytest.raises(TfdriverError, match="not confirmed"):
        stage.run(destroy, confirm=no)

    assert [(p.phase, p.composition, [c.address for c in p.changes]) for p in no.only.phases] == [
        ("destroy", "account_b", ["module.bar.aws_iam_role.this"]),
        ("destroy", "account_a", ["module.foo_bar.aws_iam_role.this"]),
    ]
    assert no.only.counts == Counts(delete=2)
    assert len(stage.world.data["roles"]) == 2
    assert not list(stage.project.rglob("*.tfplan"))


def test_destroy_imports_orphaned_resources_only_after_the_question(stage: Stage):
    stage.after_up()
    state = stage.project / "compositions/account_b/terraform.tfstate"
    state.unlink()
    no, yes = Asked(answer=False), Asked(answer=True)

    with pytest.raises(TfdriverError, match="not confirmed"):
        stage.run(destroy, adopt=True, confirm=no)

    (missing,) = no.only.phases[0].changes
    assert (missing.action, missing.address, missing.imported) == ("delete", "module.bar.aws_iam_role.this", "bar")
    assert not state.exists()
    assert not (state.parent / "imports.tf").exists()

    stage.run(destroy, adopt=True, confirm=yes)
    assert stage.world.data["roles"] == {}


def test_the_result_of_a_run_has_what_was_shown(stage: Stage):
    yes = Asked(answer=True)

    done = stage.run(up, confirm=yes)

    assert done.planned == yes.only
    assert done.planned.counts == Counts(create=2, update=1)
