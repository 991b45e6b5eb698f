"""Which of the resources that Terraform would create exist, whose they are, and what is said of strangers."""

from __future__ import annotations

import pytest

from tests.unit.builders import FOO, A
from tfdriver.aws.calls import AwsError
from tfdriver.deploy.orphan_search import Survey, find_orphans, refuse_moved, refuse_unknown, refuse_unmanaged_resources
from tfdriver.errors import TfdriverError
from tfdriver.project.orphans import OrphanedResource, PlannedCreate
from tfdriver.spec.compositions import Composition, Side, owner_tags

COMPOSITION = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
OURS = owner_tags(COMPOSITION)
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
        return [{"AttachedPolicies": [{"PolicyArn": POLICY}]}]

    def _tags(self, name):
        if name not in self.tags:
            raise AwsError("no", aws_code="NoSuchEntity")
        return [{"Key": k, "Value": v} for k, v in self.tags[name].items()]


def create(kind: str, **values) -> dict:
    change = {"actions": ["create"], "after": values}
    return {"address": f"{kind}.x", "type": kind, "mode": "managed", "change": change}


ROLE, POLICY_PLANNED = create("aws_iam_role", name="r"), create("aws_iam_policy", name="p")


def look(iam: Iam, *plans: list[dict]) -> tuple[Survey, list[tuple[str, ...]]]:
    """What the survey finds; and what was to be imported each time it asked for a plan."""
    asked: list[tuple[str, ...]] = []
    answers = iter(plans)

    def plan(take_over):
        asked.append(tuple(stray.name for stray in take_over))
        return {"resource_changes": next(answers)}

    return find_orphans(COMPOSITION, plan, iam), asked


def test_ours_strangers_and_what_does_not_exist():
    iam = Iam(r=OURS, p={"tfdriver:project": "foo-bar", "tfdriver:composition": "other"})
    found, asked = look(iam, [ROLE, POLICY_PLANNED, create("aws_iam_role", name="absent"), create("null_resource")])
    assert found.ours == (OrphanedResource("aws_iam_role.x", "aws_iam_role", "r", "r"),)
    assert found.strangers == (OrphanedResource("aws_iam_policy.x", "aws_iam_policy", "p", POLICY),)
    assert asked == [()]


def test_it_plans_again_while_that_can_tell_more():
    attachment = create("aws_iam_role_policy_attachment", role="r")
    known = create("aws_iam_role_policy_attachment", role="r", policy_arn=POLICY)
    found, asked = look(Iam(r=OURS, p=OURS), [ROLE, POLICY_PLANNED, attachment], [known])
    assert asked == [(), ("r", "p")]
    assert [stray.import_id for stray in found.ours] == ["r", POLICY, f"r/{POLICY}"]


def test_what_stays_unknown_is_left_to_terraform():
    attachment = create("aws_iam_role_policy_attachment", role="r")
    found, asked = look(Iam(r=OURS), [ROLE, attachment], [attachment])
    assert asked == [(), ("r",)]
    assert [stray.name for stray in found.ours] == ["r"]


def test_a_refusal_of_aws_is_no_absence():
    class Denied(Iam):
        def get_role(self, RoleName):  # noqa: N803
            raise AwsError(f"{RoleName} refused", aws_code="AccessDenied")

    with pytest.raises(AwsError, match="r refused"):
        look(Denied(), [ROLE])


def test_a_stranger_is_named_with_what_to_do():
    found = Survey(
        (), (OrphanedResource("module.foo_bar.aws_iam_role.this", "aws_iam_role", "foo_bar", "foo_bar"),), ()
    )
    with pytest.raises(TfdriverError) as caught:
        refuse_unmanaged_resources(found, COMPOSITION)
    assert str(caught.value) == (
        "module.foo_bar.aws_iam_role.this: aws_iam_role foo_bar exists in account 111111111111, not managed by "
        "this project: it does not have its tags. No changes made to it. Rename yours in tfdriver.yaml; or, to "
        "adopt it, run `terraform import 'module.foo_bar.aws_iam_role.this' 'foo_bar'` in compositions/account_a"
    )
    refuse_unmanaged_resources(Survey(found.strangers, (), ()), COMPOSITION)


def test_a_resource_that_the_plan_moves_to_another_address_is_not_adopted():
    found = Survey((OrphanedResource("module.b.aws_dynamodb_table.t", "aws_dynamodb_table", "T", "T"),), (), ())
    deleted = {"actions": ["delete"], "before": {"id": "T", "name": "T"}}
    change = {"address": "module.a.aws_dynamodb_table.t", "type": "aws_dynamodb_table", "change": deleted}
    with pytest.raises(TfdriverError, match=r"is in the state as module\.a\..*`terraform state mv 'module\.a"):
        refuse_moved(found, {"resource_changes": [change]}, COMPOSITION)
    refuse_moved(found, {"resource_changes": [change | {"type": "aws_sqs_queue"}]}, COMPOSITION)
    refuse_moved(found, {}, COMPOSITION)


def test_a_clash_of_a_type_that_is_not_known_is_explained():
    found = Survey(
        (),
        (),
        (PlannedCreate("aws_kms_alias.x", "aws_kms_alias", {}), PlannedCreate("aws_iam_role.x", "aws_iam_role", {})),
    )
    with pytest.raises(TfdriverError, match=r"aws_kms_alias\.x: this aws_kms_alias exists.*terraform import"):
        refuse_unknown(found, {"aws_kms_alias.x"}, COMPOSITION)
    refuse_unknown(found, {"aws_iam_role.x"}, COMPOSITION)
    refuse_unknown(found, (), COMPOSITION)
