"""Changes in plans. The plans are excerpts of real ones (Terraform 1.11, provider 5.100)."""

from __future__ import annotations

import pytest

from tfdriver.inspect.drift import differences

ROLE = {"name": "bar", "assume_role_policy": "{}", "inline_policy": [], "managed_policy_arns": []}


def resource(before, after, *actions, unknown=None, kind="aws_iam_role", **more):
    change = {"actions": list(actions), "before": before, "after": after, "after_unknown": unknown or {}}
    return {"address": f"module.bar.{kind}.this", "type": kind, "mode": "managed", "change": change, **more}


@pytest.mark.parametrize(
    "after",
    [
        {"inline_policy": [{"name": "own"}]},
        {"managed_policy_arns": ["arn:aws:iam::222222222222:policy/bar_permissions"]},
        {"tags": {}},
    ],
)
def test_what_a_plan_does_not_change_is_no_drift(after):
    now = ROLE | after

    plan = {"resource_drift": [resource(ROLE, now, "update")], "resource_changes": [resource(now, now, "no-op")]}

    assert differences(plan) == ()


def test_an_update_names_the_changed_arguments_and_no_values():
    after = ROLE | {"assume_role_policy": "secret", "tags": {"a": "b"}}
    plan = {"resource_changes": [resource(ROLE | {"tags": None, "path": None}, after | {"path": ""}, "update")]}

    assert differences(plan) == ("module.bar.aws_iam_role.this: assume_role_policy, tags",)


def test_arguments_known_after_the_apply_are_named_if_no_others_change():
    unknown = {"policy": True, "id": True, "tags": {}}
    plan = {"resource_changes": [resource({"policy": "a", "id": "x"}, {}, "update", unknown=unknown)]}
    known = {"resource_changes": [resource({"id": "x", "ttl": 1}, {"ttl": 2}, "update", unknown={"id": True})]}

    assert differences(plan) == ("module.bar.aws_iam_role.this: id, policy",)
    assert differences(known) == ("module.bar.aws_iam_role.this: ttl",)


def test_a_resource_that_was_deleted_and_would_be_created_again_is_deleted():
    table = {"name": "t"}
    gone = resource(table, None, "delete", kind="aws_dynamodb_table")
    again = resource(None, table, "create", kind="aws_dynamodb_table")

    assert differences({"resource_drift": [gone], "resource_changes": [again]}) == (
        "module.bar.aws_dynamodb_table.this: deleted",
    )
    assert differences({"resource_drift": [gone], "resource_changes": []}) == ()


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        (resource(None, ROLE, "create"), "create"),
        (resource(ROLE, None, "delete"), "delete"),
        (resource(ROLE, ROLE, "delete", "create"), "replace"),
        (resource(ROLE, ROLE, "create", "delete"), "replace"),
        (resource(None, {}, "read"), "read"),
        (resource(ROLE, ROLE, "no-op", previous_address="aws_iam_role.old"), "move from aws_iam_role.old"),
    ],
)
def test_every_other_planned_change_is_reported(planned, words):
    assert differences({"resource_changes": [planned]}) == (f"module.bar.aws_iam_role.this: {words}",)


def test_changed_outputs_are_reported():
    plan = {"output_changes": {"arn": {"actions": ["update"]}, "other": {"actions": ["no-op"]}}}

    assert differences(plan) == ("output arn: update",)


def test_a_plan_that_changes_nothing_has_no_differences():
    assert differences({}) == ()
