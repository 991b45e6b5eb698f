"""Policies that are longer than IAM allows, in a plan's JSON."""

from __future__ import annotations

import json

import pytest

from tests.unit.iam.test_plan_lint import change
from tfdriver.iam.plan_lengths import long_policies

ARNS = [f"arn:aws:iam::{n:012}:role/foo_bar" for n in range(400)]  # 38 characters, with quotes and comma 41


def assume(count: int, **format_: int) -> str:
    statement = {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": ARNS[:count]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, **format_)


def found(*changes: dict) -> list[tuple[str, int, int]]:
    plan = {"resource_changes": list(changes)}
    return [(long.address.rpartition('deep["x"].')[2], long.characters, long.limit) for long in long_policies(plan)]


@pytest.mark.parametrize(
    ("kind", "fits", "characters", "limit"),
    [
        ("aws_iam_policy", 147, 6166, 6144),
        ("aws_iam_role_policy", 247, 10266, 10_240),
    ],
)
def test_the_roles_that_a_policy_can_name(kind: str, fits: int, characters: int, limit: int) -> None:
    def one(count: int) -> dict:
        return change(kind, {"role": "bar", "policy": assume(count, indent=2)})

    assert found(one(fits)) == []
    assert found(one(fits + 1)) == [(f"{kind}.this[0]", characters, limit)]


def test_a_trust_policy() -> None:
    def role(length: int) -> dict:
        return change("aws_iam_role", {"name": "bar", "assume_role_policy": '"' + "x" * (length - 2) + '"'})

    assert found(role(2048)) == []
    assert found(role(2049)) == [("aws_iam_role.this[0]", 2049, 2048)]


def test_all_inline_policies_of_a_role_count_together() -> None:
    def policy(number: int, role: str) -> dict:
        return change("aws_iam_role_policy", {"role": role, "policy": assume(120)}, name=f"p{number}")

    block = change("aws_iam_role", {"name": "bar", "inline_policy": [{"name": "x", "policy": assume(20)}]})
    one = len("".join(assume(120).split()))

    assert found(policy(1, "bar"), policy(2, "bar"), policy(3, "other")) == []
    assert found(policy(1, "bar"), policy(2, "bar"), policy(3, "other"), block) == [
        ("aws_iam_role.this[0]", 2 * one + len("".join(assume(20).split())), 10_240)
    ]


def test_what_is_known_of_a_policy_document_counts() -> None:
    """As in modules/team_b_bar_app, whose document has the ARN of a new log group."""
    block = {"effect": "Allow", "actions": ["sts:AssumeRole"], "resources": [*ARNS[:160], None]}
    document = change("aws_iam_policy_document", {"statement": [block]}, name="permissions", mode="data")
    policy = change("aws_iam_policy", {"name": "p"})
    reference = "data.aws_iam_policy_document.permissions"
    expression = {"policy": {"references": [f"{reference}.json", reference]}}
    own = {"mode": "managed", "type": "aws_iam_policy", "name": "this", "expressions": expression}
    deep = {"module": {"resources": [own]}}
    inner = {"module": {"module_calls": {"deep": deep}}}
    configuration = {"root_module": {"module_calls": {"foo_bar": {"module": {"module_calls": {"inner": inner}}}}}}

    (long,) = long_policies({"resource_changes": [document, policy], "configuration": configuration})

    assert long.address == policy["address"]
    assert 6560 < long.characters < 6700


def test_a_plan_without_policies() -> None:
    assert list(long_policies({})) == []
    assert found(change("aws_iam_policy", {"name": "p"}), change("aws_iam_role", {"name": "bar"})) == []
