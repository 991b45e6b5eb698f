"""The plan that `terraform test` prints: its events, its random values, and what is only known after an apply."""

from __future__ import annotations

import json

import pytest

from tests.unit.builders import A
from tfdriver.interrupts import Interrupts
from tfdriver.terraform.offline_plan import offline_plan, offline_settings, read_plan
from tfdriver.terraform.program import Program
from tfdriver.terraform.runner import Settings

ROLE = "module.bar.aws_iam_role.this"
INLINE = 'module.bar.module.inner["x"].aws_iam_role_policy.p[0]'


def event(kind, **body):
    return json.dumps({"type": kind, "@message": "", **body})


def planned(address, after, unknown=()):
    change = {"actions": ["create"], "after": after, "after_unknown": dict.fromkeys(unknown, True)}
    return {"address": address, "mode": "managed", "type": address.split(".")[-2], "change": change}


def plan(*changes):
    return event("test_plan", test_plan={"resource_changes": list(changes), "output_changes": {"probes": {}}})


def state(*resources):
    inner = {"address": 'module.bar.module.inner["x"]', "resources": list(resources)}
    root = {"child_modules": [{"address": "module.bar", "child_modules": [inner]}]}
    return event("test_state", test_state={"root_module": root})


def changes(*lines):
    return {c["address"]: c for c in read_plan(lines).plan["resource_changes"]}


def test_values_that_are_known_only_after_the_apply_come_from_the_state():
    text = '{"Statement": []}'
    applied = {"address": INLINE, "values": {"name": "p", "policy": text}, "depends_on": ["module.bar.x"]}
    line = plan(planned(INLINE, {"name": "p"}, unknown=["policy"]))

    change = changes(line, line, state(applied))[INLINE]

    assert change["change"]["after"] == {"name": "p", "policy": text}
    assert change["change"]["after_unknown"] == {"policy": True}
    assert change["depends_on"] == ["module.bar.x"]


def test_a_value_that_differs_between_two_plans_is_not_known():
    first, second = (plan(planned(ROLE, {"name": f"x-{random}", "path": "/"})) for random in ("3te18a6o", "gq1vd99y"))

    change = changes(first, second)[ROLE]

    assert change["change"]["after_unknown"] == {"name": True}


def test_data_that_was_read_during_the_plan_is_a_read():
    address = 'module.bar.module.inner["x"].data.aws_iam_policy_document.p'
    data = {"address": address, "mode": "data", "type": "aws_iam_policy_document", "values": {"json": "{}"}}

    change = changes(plan(), plan(), state(data))[address]

    assert change["change"] == {"actions": ["read"], "after": {"json": "{}"}, "after_unknown": {}}
    assert change["module_address"] == 'module.bar.module.inner["x"]'


def test_an_apply_that_fails_is_a_problem_of_a_plan():
    error = event("diagnostic", diagnostic={"severity": "error", "summary": "invalid ARN", "address": ROLE})

    found = read_plan([plan(planned(ROLE, {"name": "bar"})), plan(planned(ROLE, {"name": "bar"})), error])

    assert found.problem == f"{ROLE}: invalid ARN"
    assert found.plan["resource_changes"][0]["change"]["after"] == {"name": "bar"}


def test_a_composition_that_was_not_applied_is_a_problem():
    assert "provisioners" in read_plan([plan(), plan()]).problem


def test_no_plan_is_an_error():
    with pytest.raises(ValueError, match="no plan"):
        read_plan(["not JSON", event("version")])


LOCK = """
provider "registry.terraform.io/hashicorp/aws" {
  version = "5.100.0"
}

provider "registry.terraform.io/hashicorp/random" {
  version = "3.0.0"
}
"""


@pytest.mark.parametrize(
    ("configuration", "runs"),
    [
        ('resource "aws_iam_role" "this" {}', ["plan", "plan_again", "apply"]),
        ('resource "aws_iam_role" "this" {\n  provisioner "local-exec" {}\n}', ["plan", "plan_again"]),
    ],
)
def test_all_providers_are_mocked_and_no_provisioner_is_applied(tmp_path, configuration, runs):
    (tmp_path / "main.tf").write_text(configuration)
    (tmp_path / ".terraform.lock.hcl").write_text(LOCK)
    (tmp_path / ".tfdriver").mkdir()
    settings = Settings(Program(("/bin/false",), "terraform"), {}, Interrupts())

    found = offline_plan(tmp_path, A, settings)

    assert found.plan == {}
    assert "exit code 1" in found.problem
    test = json.loads((tmp_path / "offline.tftest.json").read_text())
    assert set(test["mock_provider"]) == {"aws", "random", "terraform"}
    assert [name for run in test["run"] for name in run] == runs
    arn = test["mock_provider"]["aws"]["mock_resource"]["aws_iam_role"]["defaults"]["arn"]
    assert arn == "arn:aws:iam::111111111111:aws_iam_role/mock"
    (override,) = tmp_path.glob("*_override.tf.json")
    required = json.loads(override.read_text())["terraform"]["required_providers"]
    assert required["random"] == {"source": "registry.terraform.io/hashicorp/random"}


def test_no_credentials_reach_terraform():
    environment = {"AWS_PROFILE": "p", "AWS_SESSION_TOKEN": "x", "AWS_ENDPOINT_URL": "http://x", "PATH": "/bin"}
    settings = Settings(Program(("/bin/false",), "terraform"), environment, Interrupts())

    assert offline_settings(settings, 1).environment == {
        "PATH": "/bin",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
