"""Policies that somebody else gave one of our roles stop its destruction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, spec
from tfdriver.aws.calls import AwsError
from tfdriver.deploy import attached_policies
from tfdriver.errors import TfdriverError
from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import Account
from tfdriver.terraform.state import State

OURS = "arn:aws:iam::111111111111:policy/foo_bar_permissions"
THEIRS = "arn:aws:iam::111111111111:policy/debugging"
(COMPOSITION, _) = compositions(spec(FOO, BAR))


class Iam:
    """An IAM in which a role has these policies; None: there is no such role."""

    def __init__(self, attached: list[str] | None, inline: tuple[str, ...] = ()) -> None:
        self.pages = {
            "list_attached_role_policies": {"AttachedPolicies": [{"PolicyArn": arn} for arn in attached or ()]},
            "list_role_policies": {"PolicyNames": list(inline)},
        }
        self.there = attached is not None

    def call(self, _account: Account, _service: str, ask: Callable[[Any], Any]) -> Any:
        if not self.there:
            raise AwsError("there is no such role", aws_code="NoSuchEntity")
        return ask(self)

    def get_paginator(self, operation: str) -> Any:
        page = self.pages[operation]

        class Paginator:
            def paginate(self, **_: Any) -> list[Any]:
                return [page]

        return Paginator()


def state(**role: Any) -> State:
    """What the last apply made: the role, its policy, and an inline one that revokes sessions."""
    made = {
        "aws_iam_role": {"name": "foo_bar", "assume_role_policy": "{}"} | role,
        "aws_iam_policy": {"arn": OURS, "policy": "{}"},
        "aws_iam_role_policy_attachment": {"role": "foo_bar", "policy_arn": OURS},
        "aws_iam_role_policy": {"role": "foo_bar", "name": "AWSRevokeOlderSessions", "policy": "{}"},
    }
    resources = [{"mode": "managed", "type": t, "instances": [{"attributes": a}]} for t, a in made.items()]
    return State("lineage", 1, tuple(resources), {"resources": resources})


@pytest.mark.parametrize(
    ("iam", "role"),
    [
        (Iam([OURS], ("AWSRevokeOlderSessions",)), {}),
        (Iam([]), {}),
        (Iam(None), {}),
        (Iam([OURS, THEIRS]), {"managed_policy_arns": [THEIRS]}),
        (Iam([OURS], ("own",)), {"inline_policy": [{"name": "own", "policy": "{}"}]}),
    ],
    ids=["as applied", "less than that", "no role", "given by the role's arguments", "inline by its arguments"],
)
def test_what_goes_without_a_word(iam: Iam, role: dict[str, Any]):
    attached_policies.refuse_unmanaged_policies(COMPOSITION, state(**role), iam)


@pytest.mark.parametrize(("iam", "name"), [(Iam([OURS, THEIRS]), THEIRS), (Iam([OURS], ("by-hand",)), "by-hand")])
def test_what_somebody_else_gave_it(iam: Iam, name: str):
    with pytest.raises(TfdriverError, match=f"role foo_bar in account_a: somebody else gave it {name}, .* destroyed"):
        attached_policies.refuse_unmanaged_policies(COMPOSITION, state(), iam)


def test_an_imported_roles_own_arguments_say_nothing():
    iam, kept = Iam([OURS, THEIRS]), state(managed_policy_arns=[OURS, THEIRS])
    with pytest.raises(TfdriverError, match=f"somebody else gave it {THEIRS}, which"):
        attached_policies.refuse_unmanaged_policies(COMPOSITION, kept, iam, imported=True)


def test_a_state_that_does_not_list_the_role_says_nothing_of_it():
    attached_policies.refuse_unmanaged_policies(COMPOSITION, State("lineage", 1, (), {"resources": []}), Iam([THEIRS]))


def test_where_aws_does_not_say_nothing_is_destroyed():
    class Denied:
        def call(self, *_: Any) -> Any:
            raise AwsError("ListAttachedRolePolicies was refused", aws_code="AccessDenied")

    with pytest.raises(AwsError):
        attached_policies.refuse_unmanaged_policies(COMPOSITION, state(), Denied())
