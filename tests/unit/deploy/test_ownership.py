"""Whose a role is, from its tags and the state; and which roles stop a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tfdriver.aws.observe import Observation
from tfdriver.deploy.ownership import (
    Owner,
    listed_elsewhere,
    owner,
    owners,
    refuse_replaced,
    refuse_to_open_again,
    refuse_unmanaged,
)
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.iam.trust import Trust
from tfdriver.iam.trust_state import LiveRole, TrustState, Unreadable, classify
from tfdriver.spec.compositions import compositions, owner_tags
from tfdriver.terraform.state import State

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TRUSTING, TRUSTED = compositions(spec(FOO, BAR))
TAGS = owner_tags(TRUSTED)
NO_STATES = {"account_a": None, "account_b": None}


def live(role_id: str = "AROABAR", **tags: str) -> LiveRole:
    return LiveRole(BAR.arn, role_id, {}, tags, datetime(2026, 1, 2, tzinfo=UTC))


def state(arn: str = BAR.arn, module: str = "module.bar", **attributes: Any) -> State:
    instance = {"attributes": {"arn": arn, "name": arn.rpartition("/")[2], "path": "/", **attributes}}
    role = {"module": module, "mode": "managed", "type": "aws_iam_role", "name": "this", "instances": [instance]}
    return State("l", 1, (role,))


@pytest.mark.parametrize(
    ("found", "kept", "whose"),
    [
        (live(), state(unique_id="AROABAR"), Owner.STATE),
        (live(), state(), Owner.STATE),
        (live("AROANEW"), state(unique_id="AROABAR"), Owner.UNMANAGED),
        (live("AROANEW", **TAGS), state(unique_id="AROABAR"), Owner.TAGS),
        (live(**TAGS), None, Owner.TAGS),
        (live(**TAGS), Unreadable("no"), Owner.TAGS),
        (live(**TAGS | {"tfdriver:project": "other"}), None, Owner.UNMANAGED),
        (live(), None, Owner.UNMANAGED),
        (live(), Unreadable("no"), Owner.UNMANAGED),
        (live(), state("arn:aws:iam::222222222222:role/other"), Owner.UNMANAGED),
    ],
)
def test_a_role_is_managed_if_the_state_lists_this_very_role(found: LiveRole, kept: Any, whose: Owner):
    assert owner(found, TRUSTED, kept) is whose


def seen(bar: LiveRole | Unreadable | None, others: tuple[TrustState, ...] = ()) -> Observation:
    return Observation({"foo_bar": classify(FOO, [BAR], None, {})}, {"bar": bar}, others)


def refuse(bar: LiveRole | Unreadable | None, *, adopt: bool = False, kept: Any = None) -> None:
    states = NO_STATES | {"account_b": kept}
    refuse_unmanaged([TRUSTING, TRUSTED], seen(bar), states, lambda _: adopt, lambda *_: "arn:someone")


def test_roles_that_stop_nothing():
    assert owners([TRUSTING, TRUSTED], seen(None), NO_STATES) == {}
    refuse(None)
    refuse(Unreadable("no"))
    refuse(live(), kept=state())
    refuse(live(**TAGS), adopt=True)


@pytest.mark.parametrize(
    ("bar", "kept", "words"),
    [
        (live(), None, "it exists and is not managed by this project: no state here lists it"),
        (live("AROANEW"), state(unique_id="AROABAR"), "it exists and is not managed by this project"),
        (live(), Unreadable("access denied"), "is not known to be managed by this project.*is not known: access den"),
        (live(**TAGS), None, r"does not list it; it was created on 2026-01-02 00:00:00 UTC by arn:someone\..*--adopt"),
    ],
)
def test_roles_that_stop_a_run(bar: LiveRole, kept: Any, words: str):
    with pytest.raises(TfdriverError, match=words) as caught:
        refuse(bar, kept=kept)
    assert caught.value.where == "role bar in account_b (222222222222)"


def replaced(found: LiveRole | Unreadable | None, kept: State | Unreadable | None) -> None:
    refuse_replaced(
        [TRUSTED], {"account_b": kept}, lambda account, name: found if (account, name) == (B, "bar") else None
    )


def test_a_role_in_the_place_of_one_that_the_state_lists_is_refused_whatever_the_spec_names():
    with pytest.raises(
        TfdriverError, match=r"which this project created was deleted.*state rm 'module\.bar\.aws_iam_rol"
    ):
        replaced(live("AROANEW"), state(unique_id="AROABAR"))
    replaced(live(), state(unique_id="AROABAR"))
    replaced(live("AROANEW", **TAGS), state(unique_id="AROABAR"))
    replaced(live("AROANEW"), state())
    replaced(None, state(unique_id="AROABAR"))
    replaced(Unreadable("no"), state(unique_id="AROABAR"))
    replaced(live("AROANEW"), Unreadable("no"))
    replaced(live("AROANEW"), None)


def test_the_tags_are_no_help_to_a_role_that_has_none():
    with pytest.raises(TfdriverError, match="is not managed by this project"):
        refuse(live(), adopt=True)


@pytest.mark.parametrize(
    ("arn", "module", "found"),
    [
        (FOO.arn, "module.foo_bar", []),
        ("arn:aws:iam::111111111111:role/foo_bar-1", "module.foo_bar", ["foo_bar-1"]),
        ("arn:aws:iam::111111111111:role/foo_bar-1", "module.foo_bar.module.role[0]", ["foo_bar-1"]),
        ("arn:aws:iam::111111111111:role/foo_bar-1", "module.foo_bar2", []),
        ("arn:aws:iam::111111111111:role/foo_bar-1", "", []),
    ],
)
def test_roles_that_a_module_made_under_another_name(arn: str, module: str, found: list[str]):
    kept = {"account_a": state(arn, module), "account_b": state(arn, module)}
    assert [role.name for role in listed_elsewhere([TRUSTING, TRUSTED], kept)] == found
    assert listed_elsewhere([TRUSTED], kept) == ()
    assert listed_elsewhere([TRUSTING], {"account_a": Unreadable("no")}) == ()


def elsewhere(policy: dict[str, Any]) -> TrustState:
    """A role that the module of foo_bar created under another name."""
    kept = state("arn:aws:iam::111111111111:role/foo_bar-1", "module.foo_bar")
    (other,) = listed_elsewhere([TRUSTING], {"account_a": kept})
    return classify(other, [BAR], LiveRole(other.arn, "AROAX", policy, {}), {})


@pytest.mark.parametrize("found", [trust.broad(FOO, [BAR], NOW), trust.exact([BAR])])
def test_nothing_is_opened_while_a_role_under_another_name_exists(found: Trust):
    project, there = spec(FOO, BAR), elsewhere(trust.document(found))
    with pytest.raises(TfdriverError, match=r"the state lists role foo_bar-1.*`tfdriver destroy`"):
        refuse_to_open_again(project, seen(None, (there,)))
    refuse_to_open_again(project, seen(None))
    refuse_to_open_again(project, seen(live(), (there,)))  # bar exists: foo_bar will trust exactly bar


def test_a_role_of_the_module_that_serves_something_else_is_no_reason():
    service = {"Effect": "Allow", "Principal": {"Service": "dax.amazonaws.com"}, "Action": "sts:AssumeRole"}
    refuse_to_open_again(spec(FOO, BAR), seen(None, (elsewhere({"Statement": [service]}),)))


def test_another_roles_trusted_role_is_no_reason_to_open():
    foo2, bar2 = role("foo2", A, trusts=("bar2",)), role("bar2", B)
    project = spec(FOO, BAR, foo2, bar2)
    there = replace(elsewhere(trust.document(trust.exact([BAR]))), role=replace(foo2, name="foo2-1"))
    states = {r.key: classify(r, project.trusted_by(r), None, {}) for r in (FOO, foo2)}
    with pytest.raises(TfdriverError, match="the state lists role foo2-1"):
        refuse_to_open_again(project, Observation(states, {"bar": live(), "bar2": None}, (there,)))
