"""A role with unmanaged policies is not destroyed."""

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

MANAGED = "arn:aws:iam::111111111111:policy/foo_bar_permissions"
UNMANAGED = "arn:aws:iam::111111111111:policy/debugging"
(COMPOSITION, _) = compositions(spec(FOO, BAR))


class Iam:
    """An IAM in which a role has these policies; None if the role does not exist."""

    def __init__(self, attached: list[str] | None, inline: tuple[str, ...] = ()) -> None:
        self.pages = {
            "list_attached_role_policies": {"AttachedPolicies": [{"PolicyArn": arn} for arn in attached or ()]},
            "list_role_policies": {"PolicyNames": list(inline)},
        }
        self.exists = attached is not None

    def call(self, _account: Account, _service: str, ask: Callable[[Any], Any]) -> Any:
        if not self.exists:
            raise AwsError("the role does not exist", aws_code="NoSuchEntity")
        return ask(self)

    def get_paginator(self, operation: str) -> Any:
        page = self.pages[operation]

        class Paginator:
            def paginate(self, **_: Any) -> list[Any]:
                return [page]

        return Paginator()


def state(**role: Any) -> State:
    """A state with the role, its policy, and an inline policy that revokes sessions."""
    attributes = {
        "aws_iam_role": {"name": "foo_bar", "assume_role_policy": "{}"} | role,
        "aws_iam_policy": {"arn": MANAGED, "policy": "{}"},
        "aws_iam_role_policy_attachment": {"role": "foo_bar", "policy_arn": MANAGED},
        "aws_iam_role_policy": {"role": "foo_bar", "name": "AWSRevokeOlderSessions", "policy": "{}"},
    }
    resources = [{"mode": "managed", "type": t, "instances": [{"attributes": a}]} for t, a in attributes.items()]
    return State("lineage", 1, tuple(resources), {"resources": resources})


@pytest.mark.parametrize(
    ("iam", "role"),
    [
        (Iam([MANAGED], ("AWSRevokeOlderSessions",)), {}),
        (Iam([]), {}),
        (Iam(None), {}),
        (Iam([MANAGED, UNMANAGED]), {"managed_policy_arns": [UNMANAGED]}),
        (Iam([MANAGED], ("own",)), {"inline_policy": [{"name": "own", "policy": "{}"}]}),
    ],
    ids=["as applied", "a policy detached", "no role", "attached by an argument", "inline by an argument"],
)
def test_managed_policies_are_accepted(iam: Iam, role: dict[str, Any]):
    attached_policies.refuse_unmanaged_policies(COMPOSITION, state(**role), iam)


@pytest.mark.parametrize(
    ("iam", "name"), [(Iam([MANAGED, UNMANAGED]), UNMANAGED), (Iam([MANAGED], ("by-hand",)), "by-hand")]
)
def test_an_unmanaged_policy_is_refused_by_name(iam: Iam, name: str):
    with pytest.raises(TfdriverError, match=f"role foo_bar in account_a: .* did not attach: {name}") as caught:
        attached_policies.refuse_unmanaged_policies(COMPOSITION, state(), iam)

    assert caught.value.code == "unmanaged_policies"


def test_the_arguments_of_an_imported_role_do_not_count():
    iam, imported = Iam([MANAGED, UNMANAGED]), state(managed_policy_arns=[MANAGED, UNMANAGED])

    with pytest.raises(TfdriverError, match=f"did not attach: {UNMANAGED}"):
        attached_policies.refuse_unmanaged_policies(COMPOSITION, imported, iam, imported=True)


def test_a_role_that_the_state_does_not_list_is_not_checked():
    attached_policies.refuse_unmanaged_policies(
        COMPOSITION, State("lineage", 1, (), {"resources": []}), Iam([UNMANAGED])
    )


def test_policies_that_cannot_be_read_are_refused():
    class Denied:
        def call(self, *_: Any) -> Any:
            raise AwsError("ListAttachedRolePolicies was refused", aws_code="AccessDenied")

    with pytest.raises(AwsError):
        attached_policies.refuse_unmanaged_policies(COMPOSITION, state(), Denied())
