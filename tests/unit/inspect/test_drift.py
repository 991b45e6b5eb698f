"""Differences in refresh-only plans. The plans are excerpts of real ones (Terraform 1.11, provider 5.100)."""

from __future__ import annotations

import pytest

from tfdriver.inspect.drift import differences

OURS = "arn:aws:iam::222222222222:policy/bar_permissions"
ROLE = "module.bar.aws_iam_role.this"


def attachment(arn):
    return {"type": "aws_iam_role_policy_attachment", "values": {"role": "bar", "policy_arn": arn}}


def shown(kind, before, after, actions=("update",), attached=(OURS,), inline=("own",)):
    address = f"module.bar.{kind}.this"
    policies = [{"type": "aws_iam_role_policy", "values": {"role": "bar", "name": name}} for name in inline]
    module = {"child_modules": [{"resources": [*policies, *(attachment(arn) for arn in attached)]}]}
    change = {"actions": list(actions), "before": before, "after": after}
    return {
        "resource_drift": [{"address": address, "type": kind, "change": change}],
        "prior_state": {"values": {"root_module": module}},
    }


def role(**values):
    return {"name": "bar", "assume_role_policy": "{}", "inline_policy": [], "managed_policy_arns": [], **values}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (role(tags=None), role(tags={}), ()),
        (role(), role(managed_policy_arns=[OURS]), ()),
        (role(), role(managed_policy_arns=[OURS, "other"]), (f"{ROLE}: managed_policy_arns",)),
        (role(managed_policy_arns=[OURS]), role(), (f"{ROLE}: managed_policy_arns",)),
        (role(), role(inline_policy=[{"name": "own"}]), ()),
        (role(), role(inline_policy=[{"name": "own"}, {"name": "x"}]), (f"{ROLE}: inline_policy",)),
        (role(), role(assume_role_policy="[]", tags={"a": "b"}), (f"{ROLE}: assume_role_policy, tags",)),
    ],
)
def test_only_changes_that_were_not_applied_are_drift_of_a_role(before, after, words):
    assert differences(shown("aws_iam_role", before, after)) == words


def test_the_attachment_count_of_a_policy_is_ignored():
    before = {"name": "p", "attachment_count": 0, "policy": "a"}

    assert differences(shown("aws_iam_policy", before, before | {"attachment_count": 1})) == ()
    assert differences(shown("aws_iam_policy", before, before | {"policy": "b"})) == (
        "module.bar.aws_iam_policy.this: policy",
    )


def test_deletions_are_reported_and_values_are_not():
    found = differences(shown("aws_dynamodb_table", {"name": "secret"}, None, ["delete"]))
    assert found == ("module.bar.aws_dynamodb_table.this: deleted",)
    changed = shown("aws_lambda_function", {"environment": [{"KEY": "old"}]}, {"environment": [{"KEY": "secret"}]})
    assert differences(changed) == ("module.bar.aws_lambda_function.this: environment",)


def test_a_plan_without_drift_has_no_differences():
    assert differences({"prior_state": {}}) == ()
