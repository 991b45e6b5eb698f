"""A module that names its role differently than the spec: refused before an apply, and its open trust reported."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import World, use_buckets
from tests.integration.deploy.test_ownership import UP

pytestmark = pytest.mark.integration


def edit_module(world: World, module: str, old: str, new: str) -> None:
    path = world.project / "modules" / module / "main.tf"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


PREFIX = 'name_prefix = "${var.role_name}-"\n'


def test_another_name_of_the_trusted_role_is_refused_before_an_apply(small_world: World):
    world = small_world
    edit_module(world, "caller", "name = var.role_name\n", 'name = "x-${var.role_name}"\n')

    for command in (("plan",), UP):
        refused = world.tfdriver(*command)
        assert refused.returncode == 1, refused.stderr
        assert "module caller of role" in refused.stderr
        assert "IAM role x-bar with path /; the spec says name bar, path /" in refused.stderr
        assert "`name = var.role_name`" in refused.stderr

    assert world.writes() == []


def test_a_second_role_with_the_trust_policy_is_refused(small_world: World):
    world = small_world
    path = world.project / "modules/table/main.tf"
    second = 'resource "aws_iam_role" "second" {\n  name = "second"\n  assume_role_policy = var.trust_policy\n}\n'
    path.write_text(path.read_text() + second)

    refused = world.tfdriver(*UP)

    assert refused.returncode == 1
    assert (
        "IAM role second with path / with the trust policy of this role; the spec says name foo_bar" in refused.stderr
    )
    assert world.writes() == []


def test_a_role_that_is_renamed_later_is_refused_as_well(small_world: World):
    world = small_world
    assert world.tfdriver(*UP).returncode == 0
    edit_module(world, "table", "name               = var.role_name\n", PREFIX)
    before = len(world.calls())

    refused = world.tfdriver(*UP)

    assert refused.returncode == 1
    assert "an IAM role whose name is known only after the apply" in refused.stderr
    assert world.writes(before) == []


def test_a_broad_trust_under_another_name_is_reported_and_never_opened_again(small_world: World):
    """As after an apply by an earlier version or by hand."""
    world = small_world
    use_buckets(world)
    edit_module(world, "table", "= var.role_name\n", '= "x-${var.role_name}"\n')
    assert world.tfdriver("render").returncode == 0
    principal = {"AWS": ["arn:aws:iam::222222222222:root"]}
    condition = {"ArnEquals": {"aws:PrincipalArn": ["arn:aws:iam::222222222222:role/bar"]}}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}
    policies = {"foo_bar": {"Version": "2012-10-17", "Statement": [statement]}}
    assert world.terraform("account_a", "init").returncode == 0
    applied = world.terraform("account_a", "apply", "-auto-approve", f"-var=trust_policies={json.dumps(policies)}")
    assert applied.returncode == 0, applied.stderr
    before = len(world.calls())

    for command in (UP, ("tighten", "--yes")):
        refused = world.tfdriver(*command)
        assert refused.returncode == 3, refused.stderr
        assert "role x-foo_bar in account_a trusts account 222222222222, only as role/bar" in refused.stderr
    edit_module(world, "table", '= "x-${var.role_name}"\n', "= var.role_name\n")
    assert world.tfdriver(*UP).returncode == 3
    shown = world.tfdriver("status")

    assert (
        "its module created role x-foo_bar in account_a instead; guarded: account 222222222222, only as role/bar"
        in shown.stdout
    )
    assert world.trust_writes(before) == []
    assert world.trust_writes(before, "x-foo_bar") == []
    destroyed = world.tfdriver("destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert world.client("iam", "account_a").list_roles()["Roles"] == []
