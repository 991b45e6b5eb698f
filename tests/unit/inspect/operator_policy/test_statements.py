"""The operator's statements for small modules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.builders import A, B, role, spec
from tfdriver.aws.resource_types import RESOURCE_TYPES
from tfdriver.inspect.operator_policy.arns import arn_of, pattern
from tfdriver.inspect.operator_policy.expressions import UNKNOWN
from tfdriver.inspect.operator_policy.module_resources import module_resources
from tfdriver.inspect.operator_policy.statements import Purpose, Statement, statements
from tfdriver.project import assets
from tfdriver.spec.model import Account, Role

ROLE = 'resource "aws_iam_role" "this" {\n  name = var.role_name\n  path = var.role_path\n}\n'
IAM_A, IAM_B = "arn:aws:iam::111111111111:", "arn:aws:iam::222222222222:"


def needed(
    tmp_path: Path, hcl: str, purpose: Purpose = Purpose.ALL, account: Account = A, **fields: Any
) -> tuple[dict[str, Statement], list[str]]:
    """Return the statements by Sid, and the notes. Role foo in A trusts role bar in B; `hcl` is the module of both."""
    folder = tmp_path / "modules" / "m"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(hcl)
    roles = (role("foo", A, trusts=("bar",), **fields), role("bar", B, **fields))
    modules = {r.key: module_resources(r, tmp_path, arn_of) for r in roles}
    found, notes = statements(spec(*roles), account, modules, purpose)
    return {statement.sid: statement for statement in found}, notes


@pytest.mark.parametrize("module", ["team_a_foo_ddb", "team_b_bar_app"])
def test_every_resource_of_the_shipped_modules_is_known(module: str) -> None:
    foo = replace(role("foo", A), module=module, source=f"../../{module}", variables={})

    resources = module_resources(foo, assets.modules(), arn_of).resources

    assert resources
    assert {resource.type for resource in resources} <= set(RESOURCE_TYPES)
    assert all(UNKNOWN not in arn_of(r) for r in resources if r.type != "aws_dynamodb_table")


@pytest.mark.parametrize(
    ("purpose", "own", "wanted"),
    [
        (Purpose.UP, "Roles", {"iam:CreateRole", "iam:GetRole", "iam:GetRolePolicy"}),
        (Purpose.DESTROY, "Roles", {"iam:DeleteRole", "iam:GetRole"}),
        (Purpose.VERIFY, "Roles", {"iam:GetRole", "iam:GetRolePolicy"}),
    ],
)
def test_a_purpose_gets_no_more_than_it_needs(tmp_path: Path, purpose: Purpose, own: str, wanted: set[str]) -> None:
    found, _ = needed(tmp_path, ROLE, purpose)
    assert wanted <= found[own].actions
    assert ("iam:CreateRole" in found[own].actions) is (purpose is Purpose.UP)
    assert ("iam:DeleteRole" in found[own].actions) is (purpose is Purpose.DESTROY)
    assert ("iam:PutRolePolicy" in found[own].actions) is (purpose is Purpose.UP)  # tighten --revoke-sessions
    assert ("iam:DeleteRolePolicy" in found[own].actions) is (purpose is not Purpose.VERIFY)


def test_a_role_with_a_path_may_also_be_read_without_it(tmp_path: Path) -> None:
    found, notes = needed(tmp_path, ROLE, path="/team/")
    assert found["Roles"].resources == {f"{IAM_A}role/team/foo"}
    assert found["FindRoles"].resources == {f"{IAM_A}role/foo"}
    assert found["FindRoles"].actions == {"iam:GetRole", "iam:GetRolePolicy"}
    assert notes == []


def test_only_trusting_roles_get_the_actions_of_a_revocation(tmp_path: Path) -> None:
    found, _ = needed(tmp_path, ROLE, account=B, path="/team/")
    assert "iam:PutRolePolicy" not in found["Roles"].actions
    assert found["FindRoles"].actions == {"iam:GetRole"}


def test_a_policy_may_be_attached_to_its_role_only(tmp_path: Path) -> None:
    more = """
resource "aws_iam_policy" "p" {
  name = "${var.role_name}-p"
}
resource "aws_iam_role_policy_attachment" "p" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.p.arn
}
"""
    found, _ = needed(tmp_path, ROLE + more, path="/x/")

    attach = found["AttachPolicies"]

    assert (attach.resources, attach.values) == ({f"{IAM_A}role/x/foo"}, {f"{IAM_A}policy/foo-p"})
    assert (attach.operator, attach.key) == ("ArnLike", "iam:PolicyARN")


FUNCTION = """
resource "aws_lambda_function" "f" {
  function_name = var.role_name
  role          = aws_iam_role.this.arn
}
output "probe" { value = {} }
"""


def test_a_role_may_be_passed_to_its_service_only(tmp_path: Path) -> None:
    target = 'resource "aws_cloudwatch_event_target" "t" {\n  rule = "r"\n  role_arn = var.elsewhere\n}\n'
    found, _ = needed(tmp_path, ROLE + FUNCTION + target, account=B)

    to_lambda, to_events = found["PassRolesToLambda"], found["PassRolesToEvents"]

    assert (to_lambda.resources, to_lambda.values) == ({f"{IAM_B}role/bar"}, {"lambda.amazonaws.com"})
    assert (to_events.resources, to_events.values) == ({f"{IAM_B}role/*"}, {"events.amazonaws.com"})
    assert to_lambda.key == "iam:PassedToService"


def test_verify_may_assume_the_trusting_role_and_invoke_the_function(tmp_path: Path) -> None:
    found, _ = needed(tmp_path, ROLE + FUNCTION, Purpose.VERIFY, account=B)
    assert found["TryTrustingRoles"].resources == {f"{IAM_A}role/foo"}
    assert found["InvokeFunctions"].actions == {"lambda:InvokeFunction"}
    assert found["Functions"].actions == {
        f"lambda:{action}"
        for action in ("GetFunction", "GetFunctionCodeSigningConfig", "ListVersionsByFunction", "ListTags")
    }


def test_a_function_without_a_probe_may_not_be_invoked(tmp_path: Path) -> None:
    found, _ = needed(tmp_path, ROLE + FUNCTION.partition("output")[0], account=B)
    assert "InvokeFunctions" not in found


def test_a_table_is_probed_on_the_trusting_side_only(tmp_path: Path) -> None:
    table = 'resource "aws_dynamodb_table" "t" {\n  name = "T"\n  ttl {}\n}\noutput "probe" {}\n'
    found, _ = needed(tmp_path, table)

    assert found["ProbeItems"].resources == {"arn:aws:dynamodb:us-west-2:111111111111:table/T"}
    assert "dynamodb:UpdateTimeToLive" in found["Tables"].actions
    assert "dynamodb:UpdateContinuousBackups" not in found["Tables"].actions
    folder = tmp_path / "other"
    assert "ProbeItems" not in needed(folder, table, account=B)[0]


@pytest.mark.parametrize(
    ("hcl", "sid", "resource"),
    [
        (
            'resource "aws_sqs_queue" "q" {\n  name = "q-${var.role_name}"\n}',
            "Queues",
            "sqs:us-west-2:111111111111:q-foo",
        ),
        ('resource "aws_sns_topic" "t" {\n  name_prefix = "t-"\n}', "Topics", "sns:us-west-2:111111111111:t-*"),
        ('resource "aws_sns_topic" "t" {\n}', "Topics", "sns:us-west-2:111111111111:*"),
        (
            'resource "aws_dynamodb_table" "t" {\n  name = random_pet.x.id\n}',
            "Tables",
            "dynamodb:us-west-2:111111111111:table/*",
        ),
        (
            'resource "aws_cloudwatch_event_rule" "r" {\n  name = "r"\n  event_bus_name = "bus"\n}',
            "Rules",
            "events:us-west-2:111111111111:rule/bus/r",
        ),
        (
            'resource "aws_lambda_permission" "p" {\n  function_name = "f"\n}',
            "Functions",
            "lambda:us-west-2:111111111111:function:f",
        ),
        ('resource "aws_iam_role_policy" "p" {\n  role = "other"\n}', "Roles", "iam::111111111111:role/other"),
    ],
)
def test_a_wildcard_stands_only_for_unknown_parts_of_a_name(tmp_path: Path, hcl: str, sid: str, resource: str) -> None:
    found, notes = needed(tmp_path, hcl)
    assert f"arn:aws:{resource}" in found[sid].resources
    assert ("*" in resource) is any(resource in note for note in notes)


def test_log_groups_are_allowed_with_and_without_their_streams(tmp_path: Path) -> None:
    found, _ = needed(tmp_path, 'resource "aws_cloudwatch_log_group" "g" {\n  name = "g"\n}')
    logs = "arn:aws:logs:us-west-2:111111111111:log-group:"

    assert found["LogGroups"].resources == {f"{logs}g", f"{logs}g:*"}
    assert found["FindLogGroups"].resources == {f"{logs}*"}


@pytest.mark.parametrize("name", ["*", "a?b", "${aws:username}", "x*"])
def test_a_name_cannot_become_a_wildcard_or_a_variable(tmp_path: Path, name: str) -> None:
    table = 'resource "aws_dynamodb_table" "t" {\n  name = var.table\n}'
    found, _ = needed(tmp_path, table, variables={"table": name})
    (resource,) = found["Tables"].resources

    inside = resource.partition("table/")[2]

    assert inside == "".join(f"${{{c}}}" if c in "*?$" else c for c in name)
    assert pattern(name) == inside


def test_unknown_permissions_are_noted(tmp_path: Path) -> None:
    hcl = """
resource "aws_kms_key" "k" {}
resource "random_pet" "x" {}
module "sub" { source = "./sub" }
data "aws_vpc" "v" {}
data "aws_partition" "p" {}
"""
    _, notes = needed(tmp_path, hcl)

    assert len(notes) == 3
    for words in ("aws_kms_key.k", "module sub", "data.aws_vpc.v"):
        assert any(words in note for note in notes), words


def test_a_remote_module_is_noted() -> None:
    remote = Role("foo", A, "foo", "org/x/aws", "org/x/aws", trusts=("bar",))
    module = module_resources(remote, Path("/nowhere"), arn_of)

    assert module.resources == ()
    assert "org/x/aws" in module.notes[0]
    own, _ = statements(spec(remote, role("bar", B)), A, {"foo": module, "bar": module}, Purpose.UP)
    assert [s.resources for s in own] == [{f"{IAM_A}role/foo"}]
