"""Planned resources that already exist: orphaned, unmanaged, moved, or of an unknown type."""

from __future__ import annotations

import pytest

from tests.unit.builders import FOO, A, role
from tfdriver.aws.calls import AwsError
from tfdriver.deploy.orphan_search import (
    ExistingResources,
    find_orphans,
    refuse_moved,
    refuse_unknown,
    refuse_unmanaged_resources,
)
from tfdriver.errors import TfdriverError
from tfdriver.project.orphans import OrphanedResource, PlannedCreate
from tfdriver.spec.compositions import Composition, Side, owner_tags

COMPOSITION = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
TAGS = owner_tags(COMPOSITION)
POLICY = "arn:aws:iam::111111111111:policy/p"


class Iam:
    """Roles and policies by name, with their tags; every policy is attached to every role."""

    def __init__(self, **tags: dict[str, str]) -> None:
        self.tags = tags

    def call(self, _account, _service, ask):
        return ask(self)

    def get_role(self, RoleName):  # noqa: N803
        return {"Role": {"Tags": self._tags(RoleName)}}

    def get_policy(self, PolicyArn):  # noqa: N803
        return {"Policy": {"Tags": self._tags(PolicyArn.rpartition("/")[2])}}

    def get_paginator(self, _operation):
        return self

    def paginate(self, **_request):
        return [{"AttachedPolicies": [{"PolicyArn": POLICY}], "PolicyNames": ["p"]}]

    def _tags(self, name):
        if name not in self.tags:
            raise AwsError("no", aws_code="NoSuchEntity")
        return [{"Key": k, "Value": v} for k, v in self.tags[name].items()]


def create(kind: str, **values) -> dict:
    change = {"actions": ["create"], "after": values}
    return {"address": f"{kind}.x", "type": kind, "mode": "managed", "change": change}


ROLE, POLICY_PLANNED = create("aws_iam_role", name="r"), create("aws_iam_policy", name="p")


def find(iam: Iam, *changes: dict) -> ExistingResources:
    return find_orphans(COMPOSITION, {"resource_changes": list(changes)}, iam)


def test_orphaned_unmanaged_and_absent_resources():
    iam = Iam(r=TAGS, p={"tfdriver:project": "foo-bar", "tfdriver:composition": "other"})

    found = find(iam, ROLE, POLICY_PLANNED, create("aws_iam_role", name="absent"), create("null_resource"))

    assert found.orphaned == (OrphanedResource("aws_iam_role.x", "aws_iam_role", "r", "r"),)
    assert found.unmanaged == (OrphanedResource("aws_iam_policy.x", "aws_iam_policy", "p", POLICY),)


def test_a_plan_that_imports_orphaned_resources_identifies_those_that_depend_on_them():
    unidentified = find(Iam(r=TAGS, p=TAGS), create("aws_iam_role_policy_attachment", role="r"))
    identified = find(Iam(r=TAGS, p=TAGS), create("aws_iam_role_policy_attachment", role="r", policy_arn=POLICY))

    assert unidentified.orphaned == ()
    assert [orphan.import_id for orphan in identified.orphaned] == [f"r/{POLICY}"]


def test_access_denied_does_not_count_as_absent():
    class Denied(Iam):
        def get_role(self, RoleName):  # noqa: N803
            raise AwsError(f"{RoleName} refused", aws_code="AccessDenied")

    with pytest.raises(AwsError, match="r refused"):
        find(Denied(), ROLE)


def existing(orphaned=(), unmanaged=(), creates=()) -> ExistingResources:
    return ExistingResources(tuple(orphaned), tuple(unmanaged), tuple(creates))


def test_an_unmanaged_resource_is_refused_with_the_import_command():
    role = OrphanedResource("module.foo_bar.aws_iam_role.this", "aws_iam_role", "foo_bar", "foo_bar")

    with pytest.raises(TfdriverError) as caught:
        refuse_unmanaged_resources(existing(unmanaged=[role]), COMPOSITION)

    assert (caught.value.code, caught.value.where) == ("unmanaged_resource", role.address)
    assert "aws_iam_role foo_bar already exists in account 111111111111" in caught.value.what
    assert f"`terraform -chdir=compositions/account_a import '{role.address}' 'foo_bar'`" in caught.value.hint
    refuse_unmanaged_resources(existing(orphaned=[role]), COMPOSITION)


def test_all_unmanaged_resources_are_refused_together_each_with_its_import_command():
    found = existing(unmanaged=[OrphanedResource(f"module.f.{kind}.x", kind, "x", "x") for kind in ("aws_a", "aws_b")])

    with pytest.raises(TfdriverError) as caught:
        refuse_unmanaged_resources(found, COMPOSITION)

    assert caught.value.what.startswith("aws_a x, aws_b x already exist in account 111111111111 and are not managed")
    assert caught.value.hint.count("`terraform -chdir=compositions/account_a import 'module.f.aws_") == 2


def test_the_policy_of_an_existing_role_is_adopted_by_its_name_and_its_role_never():
    trusting, trusted = role("reader", A, existing=True, trusts=("bar",)), role("app", A, existing=True)
    composition = Composition("account_a", "foo-bar", A, Side.TRUSTING, (trusting, trusted))
    changes = [
        create("aws_iam_role", name="reader") | {"address": "aws_iam_role.reader"},
        create("aws_iam_role_policy", role="app", name="p") | {"address": "aws_iam_role_policy.app"},
    ]

    found = find_orphans(composition, {"resource_changes": changes}, Iam(reader=TAGS, app={}))

    assert [resource.address for resource in found.orphaned] == ["aws_iam_role_policy.app"]
    assert (found.unmanaged, found.creates) == ((), ())


def test_a_resource_that_the_plan_moves_to_another_address_is_not_adopted():
    found = existing(orphaned=[OrphanedResource("module.b.aws_dynamodb_table.t", "aws_dynamodb_table", "T", "T")])
    deleted = {"actions": ["delete"], "before": {"id": "T", "name": "T"}}
    change = {"address": "module.a.aws_dynamodb_table.t", "type": "aws_dynamodb_table", "change": deleted}

    with pytest.raises(TfdriverError, match=r"is in the state as module\.a\..*`terraform state mv 'module\.a"):
        refuse_moved(found, {"resource_changes": [change]}, COMPOSITION)

    refuse_moved(found, {"resource_changes": [change | {"type": "aws_sqs_queue"}]}, COMPOSITION)
    refuse_moved(found, {}, COMPOSITION)


def test_an_existing_resource_of_an_unknown_type_is_refused_with_the_import_command():
    types = ("aws_vpc", "aws_iam_role")
    found = existing(creates=[PlannedCreate(f"{kind}.x", kind, {}) for kind in types])

    with pytest.raises(
        TfdriverError, match=r"aws_vpc\.x: this aws_vpc already exists.*-chdir=compositions/account_a import"
    ):
        refuse_unknown(found, {"aws_vpc.x"}, COMPOSITION)

    refuse_unknown(found, {"aws_iam_role.x"}, COMPOSITION)
    refuse_unknown(found, (), COMPOSITION)
