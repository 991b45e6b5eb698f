"""Plans that create roles under another name than in the spec."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, A
from tfdriver.deploy.plan_checks import refuse_other_names
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.spec.compositions import Composition, Side

COMPOSITION = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
EXACT = trust.exact([BAR])
OWN = {"name": "foo_bar", "path": "/", "assume_role_policy": json.dumps(trust.document(EXACT))}
SERVICE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "dax.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def plan(*roles: dict[str, Any] | None, module: str = "module.foo_bar", kind: str = "aws_iam_role") -> dict[str, Any]:
    """A plan that creates these roles; None stands for a deleted role."""
    changes = [
        {
            "address": f"{module}.{kind}.r{n}",
            "module_address": module,
            "mode": "managed",
            "type": kind,
            "change": {"actions": ["create"] if role else ["delete"], "after": role},
        }
        for n, role in enumerate(roles)
    ]
    return {"resource_changes": changes}


def refuse(planned: dict[str, Any]) -> None:
    refuse_other_names(COMPOSITION, planned, {"foo_bar": EXACT})


HELPER = {"name": "helper", "path": "/", "assume_role_policy": json.dumps(SERVICE)}


@pytest.mark.parametrize(
    "planned",
    [
        {},
        plan(),
        plan(OWN),
        plan(OWN, HELPER),
        plan(OWN, {"path": "/", "assume_role_policy": None}),
        plan(None, OWN),
        plan(HELPER, module="module.other"),
        plan(HELPER, module="module.foo_bar2"),
        plan(HELPER, module=""),
        plan({"name": "x"}, kind="aws_iam_policy"),
    ],
)
def test_plans_with_the_role_of_the_spec_are_accepted(planned: dict[str, Any]):
    refuse(planned)


@pytest.mark.parametrize(
    ("planned", "problem"),
    [
        (plan({"path": "/"}), "it creates an IAM role whose name is known only after the apply"),
        (plan(OWN | {"name": "x"}), "it creates IAM role x with path /; the spec says name foo_bar, path /"),
        (plan(OWN | {"path": "/team/"}), "it creates IAM role foo_bar with path /team/; the"),
        (plan(OWN | {"name": "FOO_BAR"}), "it creates IAM role FOO_BAR with path /; the"),
        (plan(None, OWN | {"name": "x"}), "it creates IAM role x with path /; the spec says name foo_bar, path /"),
        (plan(HELPER, module='module.foo_bar.module.role["a"]'), "it creates IAM role helper with path /; the"),
        (plan(OWN, OWN | {"name": "x"}), "it creates IAM role x with path / with the trust policy of this role; the"),
    ],
)
def test_plans_with_another_role_are_refused(planned: dict[str, Any], problem: str):
    with pytest.raises(TfdriverError) as caught:
        refuse(planned)

    assert caught.value.code == "other_role_name"
    assert problem in caught.value.what
    assert caught.value.where == "module m of role foo_bar in account_a"
    assert "`name = var.role_name`" in caught.value.hint
