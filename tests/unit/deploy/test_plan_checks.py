"""Plans that must not be applied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, A, role
from tfdriver.deploy.plan_checks import (
    check_plan,
    refuse_lost_roles,
    refuse_other_names,
    refuse_other_providers,
    refuse_other_trusts,
)
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.spec.compositions import Composition, Side, owner_tags

COMPOSITION = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
EXACT = trust.exact([BAR])
POLICIES = {"foo_bar": trust.document(EXACT)}
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
    refuse_other_names(COMPOSITION, planned, POLICIES)


def test_a_policy_that_is_too_long_is_refused_with_its_length():
    arns = [f"arn:aws:iam::{n:012}:role/foo_bar" for n in range(160)]
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arns}],
    }
    planned = plan({"policy": json.dumps(document)}, kind="aws_iam_policy")

    with pytest.raises(TfdriverError) as caught:
        check_plan(COMPOSITION, planned, {}, [].append)

    assert caught.value.code == "policy_too_long"
    assert caught.value.where == "compositions/account_a, module.foo_bar.aws_iam_policy.r0"
    assert "at least 6,656 characters; IAM allows 6,144" in caught.value.what


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


def policy(*principals: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_role_with_the_trust_policy_of_tfdriver_is_accepted_in_any_notation():
    same = policy(BAR.arn, Sid="x").replace(f'["{BAR.arn}"]', f'"{BAR.arn}"')

    refuse_other_trusts(COMPOSITION, plan(OWN | {"assume_role_policy": same}, HELPER), POLICIES)


@pytest.mark.parametrize("module", ["module.foo_bar", 'module.foo_bar.module.a["x"].module.b[0]'])
@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (policy("222222222222"), "it plans IAM role foo_bar whose trust policy trusts all of account 222222222222;"),
        (policy("*"), "trusts anybody; tfdriver's trust policy trusts role bar in account 222222222222"),
        (policy(BAR.arn, Condition={"StringEquals": {"sts:ExternalId": "x"}}), "with conditions on sts:ExternalId"),
        (json.dumps(SERVICE), "trusts the service dax.amazonaws.com"),
        (None, "whose trust policy is known only after the apply"),
    ],
)
def test_a_role_with_another_trust_policy_is_refused(found: str | None, problem: str, module: str):
    with pytest.raises(TfdriverError) as caught:
        refuse_other_trusts(COMPOSITION, plan(OWN | {"assume_role_policy": found}, module=module), POLICIES)

    assert caught.value.code == "other_trust_policy"
    assert problem in caught.value.what
    assert caught.value.where == f"module m of role foo_bar in account_a, {module}.aws_iam_role.r0"
    assert "`assume_role_policy = var.trust_policy`" in caught.value.hint


@pytest.mark.parametrize(
    "other",
    [policy(BAR.arn), policy("222222222222"), policy("arn:aws:iam::222222222222:role/other"), None],
    ids=["role", "account", "other role", "unknown"],
)
def test_another_role_of_the_module_that_may_trust_the_same_account_is_refused(other: str | None):
    with pytest.raises(TfdriverError, match=r"it plans IAM role helper, wh.*; tfdriver does not manage that"):
        refuse_other_trusts(COMPOSITION, plan(OWN, HELPER | {"assume_role_policy": other}), POLICIES)


def test_a_trust_policy_that_tfdriver_would_not_write_must_be_kept_as_it_is():
    """Phase 1 keeps the trust policy of an existing role, whatever it is."""
    other = json.dumps(SERVICE | {"Statement": SERVICE["Statement"] * 2})

    refuse_other_trusts(COMPOSITION, plan(OWN | {"assume_role_policy": json.dumps(SERVICE)}), {"foo_bar": SERVICE})
    with pytest.raises(TfdriverError, match="tfdriver's trust policy trusts the service dax"):
        refuse_other_trusts(COMPOSITION, plan(OWN | {"assume_role_policy": other}), {"foo_bar": SERVICE})


def test_a_provider_of_a_module_is_refused():
    own = {"name": "aws", "module_address": "module.foo_bar.module.b", "expressions": {"region": {}}}
    configs = {
        "aws": {"name": "aws", "expressions": {"region": {}}},
        "inherited": {"name": "aws", "module_address": "module.foo_bar.module.a"},
        "random": own | {"name": "random"},
    }

    refuse_other_providers(COMPOSITION, {"configuration": {"provider_config": configs}})
    with pytest.raises(TfdriverError, match="an AWS provider of its own") as caught:
        refuse_other_providers(COMPOSITION, {"configuration": {"provider_config": configs | {"own": own}}})

    assert caught.value.code == "other_provider"


def test_a_resource_in_another_region_is_refused():
    refuse_other_providers(COMPOSITION, plan({"region": A.region}, None))
    with pytest.raises(
        TfdriverError, match="it would be in region eu-west-1; account account_a is in us-west-2"
    ) as caught:
        refuse_other_providers(COMPOSITION, plan({"region": "eu-west-1"}))

    assert caught.value.code == "other_region"
    assert caught.value.where == "module.foo_bar.aws_iam_role.r0"


def test_a_dangerous_policy_is_refused():
    everything = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})

    with pytest.raises(TfdriverError) as caught:
        check_plan(COMPOSITION, plan({"policy": everything}, kind="aws_iam_role_policy"), POLICIES, print)

    assert caught.value.code == "dangerous_policy"


def test_a_type_that_the_policy_of_the_operator_does_not_cover_is_a_warning():
    warnings: list[str] = []

    check_plan(COMPOSITION, plan({}, {}, kind="aws_vpc"), POLICIES, warnings.append)

    (warning,) = warnings
    assert "`tfdriver policy` does not cover aws_vpc" in warning


READER = role("reader", A, existing=True, trusts=("bar",), trust_statements=(SERVICE["Statement"][0],))
KEPT = Composition("account_a", "foo-bar", A, Side.TRUSTING, (READER,))
BEFORE = {"name": "reader", "path": "/", "assume_role_policy": "{}", "description": "d", "tags": {"owner": "a"}}


def change_of(actions: list[str], before: dict[str, Any] | None, after: dict[str, Any] | None, **more: Any) -> Any:
    change = {"actions": actions, "before": before, "after": after}
    resource = {"address": "aws_iam_role.reader", "mode": "managed", "type": "aws_iam_role", "change": change}
    return {"resource_changes": [resource | more]}


@pytest.mark.parametrize(
    "planned",
    [
        change_of(["create"], None, BEFORE),
        change_of(["delete"], BEFORE, None),
        change_of(["delete", "create"], BEFORE, BEFORE | {"path": "/other/"}),
        change_of(["create", "delete"], BEFORE, BEFORE | {"name": "other"}),
        change_of(["forget"], BEFORE, None),
        change_of(["update"], BEFORE, BEFORE | {"description": "other"}),
        change_of(["update"], BEFORE, BEFORE | {"tags": {"tfdriver:project": "foo-bar"}}),
        change_of(["delete"], BEFORE, None, address="aws_iam_role.no_longer_in_the_spec"),
    ],
)
def test_a_plan_that_changes_more_of_an_existing_role_than_its_trust_policy_is_refused(planned: dict[str, Any]) -> None:
    with pytest.raises(TfdriverError) as caught:
        refuse_lost_roles(KEPT, planned)

    assert caught.value.code == "existing_role"
    assert "reader in account_a" in caught.value.where


@pytest.mark.parametrize(
    "planned",
    [
        {},
        change_of(["no-op"], BEFORE, BEFORE),
        change_of(["update"], BEFORE, BEFORE | {"assume_role_policy": "{...}"}),
        change_of(["delete"], BEFORE, None, address="module.x.aws_iam_role.this", module_address="module.x"),
        change_of(["delete"], {"tags_all": owner_tags(KEPT)}, None, address="aws_iam_role.of_a_template"),
    ],
)
def test_the_trust_policy_of_an_existing_role_may_change_and_roles_of_modules_may_go(planned: dict[str, Any]) -> None:
    refuse_lost_roles(KEPT, planned)


def test_what_an_existing_role_may_do_is_not_checked() -> None:
    policies = {"reader": trust.document(trust.exact_for(READER, [BAR]))}
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    after = BEFORE | {"assume_role_policy": json.dumps(policies["reader"])}
    after |= {"inline_policy": [{"name": "own", "policy": json.dumps(everything)}]}

    check_plan(KEPT, change_of(["update"], after | {"assume_role_policy": "{}"}, after), policies, pytest.fail)
