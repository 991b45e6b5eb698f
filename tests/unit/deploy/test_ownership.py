"""The owner of a role, from its tags and the state; and the roles that stop a run."""

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
from tfdriver.spec.model import Account
from tfdriver.terraform.state import State

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TRUSTING, TRUSTED = compositions(spec(FOO, BAR))
TAGS = owner_tags(TRUSTED)
NO_STATES = {"account_a": None, "account_b": None}


def live(role_id: str = "AROABAR", **tags: str) -> LiveRole:
    return LiveRole(BAR.arn, role_id, {}, tags, datetime(2026, 1, 2, tzinfo=UTC))


def state_of(arn: str = BAR.arn, module: str = "module.bar", **attributes: Any) -> State:
    instance = {"attributes": {"arn": arn, "name": arn.rpartition("/")[2], "path": "/", **attributes}}
    role = {"module": module, "mode": "managed", "type": "aws_iam_role", "name": "this", "instances": [instance]}
    return State("l", 1, (role,))


@pytest.mark.parametrize(
    ("found", "kept", "expected"),
    [
        (live(), state_of(unique_id="AROABAR"), Owner.STATE),
        (live(), state_of(), Owner.STATE),
        (live("AROANEW"), state_of(unique_id="AROABAR"), Owner.UNMANAGED),
        (live("AROANEW", **TAGS), state_of(unique_id="AROABAR"), Owner.TAGS),
        (live(**TAGS), None, Owner.TAGS),
        (live(**TAGS), Unreadable("no"), Owner.TAGS),
        (live(**TAGS | {"tfdriver:project": "other"}), None, Owner.UNMANAGED),
        (live(), None, Owner.UNMANAGED),
        (live(), Unreadable("no"), Owner.UNMANAGED),
        (live(), state_of("arn:aws:iam::222222222222:role/other"), Owner.UNMANAGED),
    ],
)
def test_a_role_is_managed_if_the_state_lists_its_arn_and_unique_id(found: LiveRole, kept: Any, expected: Owner):
    assert owner(BAR, found, TRUSTED, kept) is expected


def observed(bar: LiveRole | Unreadable | None, others: tuple[TrustState, ...] = ()) -> Observation:
    return Observation({"foo_bar": classify(FOO, [BAR], None, {})}, {"bar": bar}, others)


def refuse(bar: LiveRole | Unreadable | None, *, adopt: bool = False, kept: Any = None) -> None:
    states = NO_STATES | {"account_b": kept}
    refuse_unmanaged([TRUSTING, TRUSTED], observed(bar), states, lambda _: adopt, lambda *_: "arn:someone")


def test_roles_that_do_not_stop_a_run():
    assert owners([TRUSTING, TRUSTED], observed(None), NO_STATES) == {}
    refuse(None)
    refuse(Unreadable("no"))
    refuse(live(), kept=state_of())
    refuse(live(**TAGS), adopt=True)


@pytest.mark.parametrize(
    ("bar", "kept", "pattern"),
    [
        (live(), None, "it exists and is not managed by this project: the state does not list it"),
        (live("AROANEW"), state_of(unique_id="AROABAR"), "it exists and is not managed by this project"),
        (live(), Unreadable("access denied"), "the state that may list it cannot be read: access denied"),
        (live(**TAGS), None, r"does not list it; it was created on 2026-01-02 00:00:00 UTC by arn:someone\..*--adopt"),
    ],
)
def test_roles_that_stop_a_run(bar: LiveRole, kept: Any, pattern: str):
    with pytest.raises(TfdriverError, match=pattern) as caught:
        refuse(bar, kept=kept)

    assert caught.value.where == "role bar in account_b (222222222222)"


def check_replaced(found: LiveRole | Unreadable | None, kept: State | Unreadable | None) -> None:
    def read_role(account: Account, name: str) -> LiveRole | Unreadable | None:
        return found if (account, name) == (B, "bar") else None

    refuse_replaced([TRUSTED], {"account_b": kept}, read_role)


def test_an_unmanaged_role_with_the_name_of_a_deleted_role_in_the_state_is_refused():
    with pytest.raises(TfdriverError, match=r"with that name was deleted.*state rm 'module\.bar\.aws_iam_role"):
        check_replaced(live("AROANEW"), state_of(unique_id="AROABAR"))

    check_replaced(live(), state_of(unique_id="AROABAR"))
    check_replaced(live("AROANEW", **TAGS), state_of(unique_id="AROABAR"))
    check_replaced(live("AROANEW"), state_of())
    check_replaced(None, state_of(unique_id="AROABAR"))
    check_replaced(Unreadable("no"), state_of(unique_id="AROABAR"))
    check_replaced(live("AROANEW"), Unreadable("no"))
    check_replaced(live("AROANEW"), None)


def test_adopt_does_not_accept_a_role_without_tags():
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
def test_roles_that_a_module_created_under_another_name(arn: str, module: str, found: list[str]):
    kept = {"account_a": state_of(arn, module), "account_b": state_of(arn, module)}

    assert [role.name for role in listed_elsewhere([TRUSTING, TRUSTED], kept)] == found
    assert listed_elsewhere([TRUSTED], kept) == ()
    assert listed_elsewhere([TRUSTING], {"account_a": Unreadable("no")}) == ()


def under_another_name(policy: dict[str, Any]) -> TrustState:
    """A role that the module of foo_bar created under another name."""
    kept = state_of("arn:aws:iam::111111111111:role/foo_bar-1", "module.foo_bar")
    (other,) = listed_elsewhere([TRUSTING], {"account_a": kept})
    return classify(other, [BAR], LiveRole(other.arn, "AROAX", policy, {}), {})


@pytest.mark.parametrize("found", [trust.broad(FOO, [BAR], NOW), trust.exact([BAR])])
def test_no_trust_is_opened_while_a_role_under_another_name_exists(found: Trust):
    project, other = spec(FOO, BAR), under_another_name(trust.document(found))
    with pytest.raises(TfdriverError, match=r"the state lists role foo_bar-1.*`tfdriver destroy`"):
        refuse_to_open_again(project, observed(None, (other,)))

    refuse_to_open_again(project, observed(None))
    refuse_to_open_again(project, observed(live(), (other,)))  # bar exists: foo_bar will trust exactly bar


def test_a_module_may_have_other_roles():
    service = {"Effect": "Allow", "Principal": {"Service": "dax.amazonaws.com"}, "Action": "sts:AssumeRole"}
    refuse_to_open_again(spec(FOO, BAR), observed(None, (under_another_name({"Statement": [service]}),)))


def test_only_the_roles_own_trusted_roles_decide_whether_it_is_opened():
    foo2, bar2 = role("foo2", A, trusts=("bar2",)), role("bar2", B)
    project = spec(FOO, BAR, foo2, bar2)
    other = replace(under_another_name(trust.document(trust.exact([BAR]))), role=replace(foo2, name="foo2-1"))
    states = {r.key: classify(r, project.trusted_by(r), None, {}) for r in (FOO, foo2)}

    with pytest.raises(TfdriverError, match="the state lists role foo2-1"):
        refuse_to_open_again(project, Observation(states, {"bar": live(), "bar2": None}, (other,)))
