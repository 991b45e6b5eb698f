"""The changes of a plan as values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tfdriver.deploy.overview import Overview
from tfdriver.deploy.plan_view import (
    SENSITIVE,
    UNKNOWN,
    AttributeChange,
    Counts,
    PhasePlan,
    Planned,
    ResourceChange,
    counted,
    resource_changes,
)

ACCOUNTS = {"222222222222": "account_b"}
TRUST = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:role/bar"}, "Action": "sts:AssumeRole"}


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def only(*actions: str, drift: dict | None = None, **change: Any) -> ResourceChange:
    """The only change of a plan."""
    resource = {"address": "module.m.aws_x.y", "mode": "managed", "type": "aws_x"}
    found = {"actions": list(actions), "before": None, "after": None, **change}
    plan = {"resource_changes": [resource | {"change": found}]}
    if drift:
        plan["resource_drift"] = [resource | {"change": drift}]
    (one,) = resource_changes(plan, ACCOUNTS)
    return one


@pytest.mark.parametrize(
    ("actions", "action", "deletes"),
    [
        (["create"], "create", False),
        (["update"], "update", False),
        (["delete"], "delete", True),
        (["delete", "create"], "replace", True),
        (["create", "delete"], "create_then_delete", True),
        (["forget"], "forget", False),
    ],
)
def test_actions_are_terraforms(actions, action, deletes):
    found = only(*actions)

    assert (found.action, found.deletes) == (action, deletes)


def test_what_does_not_change_is_left_out():
    resource = {"address": "a", "mode": "managed", "type": "x", "change": {"actions": ["no-op"]}}
    read = {"address": "data.a", "mode": "data", "type": "x", "change": {"actions": ["read"]}}

    assert resource_changes({"resource_changes": [resource, read]}) == ()
    assert resource_changes({}) == ()


def test_an_imported_resource_is_adopted_and_not_created():
    adopted = only("no-op", importing={"id": "bar"}, before={"name": "bar"}, after={"name": "bar"})
    changed = only("update", importing={"id": "bar"}, before={"name": "bar"}, after={"name": "bar", "x": 1})

    assert (adopted.action, adopted.imported) == ("adopt", "bar")
    assert (changed.action, changed.imported) == ("update", "bar")
    assert counted([adopted, changed]) == Counts(update=1, adopt=2)
    assert counted([ResourceChange("delete", "a.b", imported="b")]) == Counts(delete=1)


def test_a_moved_resource_changes_the_state_only():
    moved = {"address": "a", "previous_address": "b", "mode": "managed", "type": "x", "change": {"actions": ["no-op"]}}

    (found,) = resource_changes({"resource_changes": [moved]})

    assert (found.action, counted([found])) == ("move", Counts())


def test_only_the_attributes_that_differ_are_listed_by_their_paths():
    before = {"capacity": 5, "tags": {"team": "a", "x": "1"}, "tags_all": {"team": "a"}, "list": [1, 2], "old": "o"}
    after = {"capacity": 6, "tags": {"team": "b", "x": "1"}, "tags_all": {"team": "b"}, "list": [1, 3], "old": None}

    assert only("update", before=before, after=after).attributes == (
        AttributeChange("capacity", 5, 6),
        AttributeChange("tags.team", "a", "b"),
        AttributeChange("list[1]", 2, 3),
        AttributeChange("old", "o", None),
    )


def test_json_inside_of_a_string_is_compared_by_its_values():
    before, after = ({"env": json.dumps([{"id": value, "same": 1}])} for value in ("a", "b"))

    assert only("update", before=before, after=after).attributes == (AttributeChange("env[0].id", "a", "b"),)


def test_a_sensitive_value_is_never_in_the_result():
    found = only(
        "update",
        before={"password": "hunter2", "env": {"KEY": "hunter3", "x": 1}, "same": "hunter4", "was": "hunter5"},
        after={"password": "hunter6", "env": {"KEY": "hunter7", "x": 1}, "same": "hunter4", "was": "hunter8"},
        before_sensitive={"password": True, "env": {"KEY": True}, "same": True, "was": True},
        after_sensitive={"password": True, "env": {"KEY": True}, "same": True},
    )

    assert found.attributes == tuple(
        AttributeChange(name, SENSITIVE, SENSITIVE) for name in ("password", "env.KEY", "was")
    )
    assert "hunter" not in str(found)


def test_a_sensitive_policy_is_not_shown():
    policy = document(TRUST)
    found = only("update", before={"policy": "{}"}, after={"policy": policy}, after_sensitive={"policy": True})

    assert found.policies == ()
    assert "role/bar" not in str(found)
    assert "role/bar" not in str(only("create", after={"policy": policy}, after_sensitive=True))


def test_a_value_that_was_sensitive_before_the_change_stays_hidden():
    found = only("update", before={"name": "hunter2"}, after={"name": "b"}, before_sensitive={"name": True})

    assert found.attributes == (AttributeChange("name", SENSITIVE, SENSITIVE),)


def test_values_that_are_known_after_the_apply_are_marked():
    found = only("update", before={"arn": "a"}, after={}, after_unknown={"arn": True, "block": [{"id": True}]})

    assert (AttributeChange("arn", "a", UNKNOWN)) in found.attributes
    created = only("create", after={"name": "x"}, after_unknown={"policy": True, "arn": True})
    assert [(policy.attribute, policy.known) for policy in created.policies] == [("policy", False)]


def test_a_replacement_lists_what_forces_it_and_what_is_known():
    found = only(
        "delete",
        "create",
        before={"name": "a", "arn": "arn:a", "size": 1},
        after={"name": "b", "size": 2},
        after_unknown={"arn": True},
        replace_paths=[["name"]],
    )

    assert found.attributes == (AttributeChange("name", "a", "b", replaces=True), AttributeChange("size", 1, 2))


def test_a_trust_policy_has_words_with_the_names_of_accounts():
    broad = {
        "Effect": "Allow",
        "Principal": {"AWS": "222222222222"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/team/bar"},
            "DateLessThan": {"aws:CurrentTime": "2026-01-02T15:28:00Z"},
        },
    }
    found = only(
        "update",
        before={"assume_role_policy": document(broad)},
        after={"assume_role_policy": document(TRUST)},
    )

    (policy,) = found.policies
    assert policy.trusts_before == (
        "all of account_b (222222222222), only as role team/bar, until 2026-01-02 15:28:00 UTC"
    )
    assert policy.trusts_after == "role bar in account_b (222222222222)"


def test_words_that_would_be_equal_name_the_difference():
    def trusting(condition: dict) -> dict:
        return {"assume_role_policy": document(TRUST | {"Condition": condition})}

    ids = [trusting({"StringEquals": {"sts:ExternalId": value}}) for value in ("aa", "bb")]
    orgs = [trusting({"StringEquals": {"aws:PrincipalOrgID": value}}) for value in ("aa", "bb")]

    (by_id,) = only("update", before=ids[0], after=ids[1]).policies
    (by_organization,) = only("update", before=orgs[0], after=orgs[1]).policies

    assert by_id.trusts_after == "role bar in account_b (222222222222), with another external id"
    assert by_organization.trusts_after.endswith("with conditions on aws:PrincipalOrgID, under other conditions")


def test_inline_policies_are_compared_by_name():
    read, write = ({"name": name, "policy": document(TRUST | {"Sid": name})} for name in ("read", "write"))
    wide = write | {"policy": document(TRUST | {"Sid": "write", "Action": "*"})}

    found = only("update", before={"inline_policy": [read, write]}, after={"inline_policy": [wide, read]})

    (policy,) = found.policies
    assert policy.attribute == 'inline_policy["write"].policy'
    assert (policy.before, policy.after) == (json.loads(write["policy"]), json.loads(wide["policy"]))
    assert found.attributes == ()


def test_a_change_outside_terraform_is_named_where_the_plan_undoes_it():
    before, edited = {"a": 1, "version": "1"}, {"a": 2, "version": "2"}
    drift = {"before": before, "after": edited}

    assert only("update", before=edited, after=before, drift=drift).drifted
    assert not only("update", before=edited | {"b": 1}, after=edited | {"b": 2}, drift=drift).drifted
    assert only("create", after=before, drift={"before": before, "after": None}).drifted


def test_the_question_names_how_many_resources_are_deleted():
    def question(*changes: ResourceChange) -> str:
        phase = PhasePlan("connect", "b", "b", "222222222222", counted(changes), changes)
        return Planned(Overview("p", "up", "1.11", "", (), (), ()), (phase,)).question

    revocation = ResourceChange("delete", 'aws_iam_role_policy.revoke_older_sessions["x"]')

    def to_destroy(*changes: ResourceChange) -> str:
        phase = PhasePlan("destroy", "b", "b", "222222222222", counted(changes), changes)
        return Planned(Overview("p", "destroy", "1.11", "", (), (), ()), (phase,)).question

    assert to_destroy(ResourceChange("delete", "a.b"), revocation) == "Delete 2 resources in ?"
    assert question() == ""
    assert question(revocation) == "Connect  as shown?"
    assert question(ResourceChange("delete", "a"), ResourceChange("replace", "b"), revocation).endswith(
        "as shown, and delete 2 resources?"
    )
