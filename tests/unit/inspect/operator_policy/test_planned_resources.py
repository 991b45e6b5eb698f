"""The values of arguments that refer to other resources."""

from __future__ import annotations

import pytest

from tests.unit.builders import A, role
from tests.unit.inspect.operator_policy.plans import offline, resource
from tfdriver.inspect.operator_policy.planned_resources import UNKNOWN, Resource, module_resources

FOO = role("foo", A, trusts=("bar",))
ROLE_ARN, POLICY_ARN = "arn:aws:iam::111111111111:aws_iam_role/mock", "arn:aws:iam::111111111111:aws_iam_policy/mock"
SET_BY_AWS = ("arn", "id", "name_prefix")


def iam_role(name: str | None = "foo", key: str = "", random: str = "ayzvoj5x", module: str = ""):
    after = {"arn": ROLE_ARN, "id": random, "name": name or "n4m3n4m3", "name_prefix": "3te18a6o", "path": "/p/"}
    unknown = SET_BY_AWS if name else (*SET_BY_AWS, "name")
    return resource(f"{module}aws_iam_role.this{key}", after, unknown=unknown)


def planned(*resources) -> dict[str, Resource]:
    found = module_resources(FOO, offline(*resources)).resources
    return {r.address.removeprefix("module.foo."): r for r in found}


def of_role(value: str, attribute: str = "role", depends_on: str = "aws_iam_role.this"):
    return resource("aws_lambda_function.f", {attribute: value}, unknown=[attribute], depends_on=[depends_on])


def test_the_id_of_a_role_is_its_name():
    found = planned(iam_role(), of_role("ayzvoj5x"))["aws_lambda_function.f"]
    assert found.arguments("role") == ("foo",)


def test_each_instance_of_a_role_has_its_own_id():
    roles = iam_role("foo-a", '["a"]', "ayzvoj5x"), iam_role("foo-b", '["b"]', "cz5va857")
    assert planned(*roles, of_role("cz5va857"))["aws_lambda_function.f"].arguments("role") == ("foo-b",)


def test_an_arn_is_the_one_of_the_resource_that_is_referred_to():
    function = of_role(ROLE_ARN)
    elsewhere = iam_role("other", module="module.inner.")
    found = planned(elsewhere, iam_role(), function)["aws_lambda_function.f"]
    assert found.arguments("role") == ("arn:aws:iam::111111111111:role/p/foo",)


def test_an_arn_of_one_of_several_instances_may_be_each():
    roles = iam_role("foo-a", '["a"]'), iam_role("foo-b", '["b"]')
    found = planned(*roles, of_role(ROLE_ARN))["aws_lambda_function.f"]
    assert found.arguments("role") == tuple(f"arn:aws:iam::111111111111:role/p/foo-{key}" for key in "ab")
    assert found.text("role") == UNKNOWN


def test_a_name_that_aws_completes_is_known_in_part():
    prefixed = resource("aws_sns_topic.t", {"name": "r4nd0m88", "name_prefix": "t-"}, unknown=["name"])
    assert planned(prefixed)["aws_sns_topic.t"].name("name") == f"t-{UNKNOWN}"


def test_a_reference_to_a_name_that_aws_chooses_is_not_known():
    found = planned(iam_role(None), of_role("n4m3n4m3"))["aws_lambda_function.f"]
    assert found.arguments("role") == (UNKNOWN,)


def test_a_name_with_a_random_part_keeps_the_rest():
    queue = resource("aws_sqs_queue.q", {"name": "q-ayzvoj5x-q"}, unknown=["name"], depends_on=["aws_iam_role.this"])
    assert planned(iam_role(), queue)["aws_sqs_queue.q"].name("name") == f"q-{UNKNOWN}-q"


@pytest.mark.parametrize(
    ("after", "unknown", "expected"),
    [
        ({}, [], ()),
        ({"role_arn": None}, [], ()),
        ({"role_arn": "arn:x"}, [], ("arn:x",)),
        ({"role_arn": "r4nd0m88"}, ["role_arn"], ()),  # the provider sets it
        ({}, ["role_arn"], (UNKNOWN,)),  # no apply told
        ({"role_arn": "known-after-the-apply"}, ["role_arn"], (UNKNOWN,)),
    ],
)
def test_absent_and_unknown_arguments(after, unknown, expected):
    target = resource("aws_cloudwatch_event_target.t", after, unknown=unknown)
    assert planned(target)["aws_cloudwatch_event_target.t"].arguments("role_arn") == expected


def test_resources_of_nested_modules_are_the_roles():
    nested = iam_role("deep", '["x"]', module="module.inner[0].module.deep.")
    (found,) = planned(nested).values()
    assert found.text("name") == "deep"


def test_resources_of_other_roles_are_left_out():
    assert planned(resource("aws_iam_role.this", {"name": "x"}, role="foo2")) == {}


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        (None, True),
        ({"after_unknown": True}, True),
        ({"after_unknown": {"foo": True}, "after": {}}, True),
        ({"after_unknown": {}, "after": {"foo": {"type": "lambda"}}}, True),
        ({"after_unknown": {}, "after": {"foo": None}}, False),
    ],
)
def test_whether_a_module_has_a_probe(probes, expected):
    plan = offline()
    plan.plan["output_changes"].clear()
    plan.plan["output_changes"].update({"probes": probes} if probes else {})
    assert module_resources(FOO, plan).has_probe is expected
