"""`status --drift` agrees with plain `terraform plan -detailed-exitcode`."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import World

pytestmark = pytest.mark.integration

MORE = """
resource "aws_iam_role" "more" {
  name               = "${var.role_name}-more"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }
  ] })
}

resource "aws_iam_role_policy" "more" {
  count  = 2
  role   = aws_iam_role.more.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "logs:PutLogEvents", Resource = "*" }
  ] })
}
"""


def drift(world: World) -> tuple[int, dict[str, list[str]]]:
    done = world.tfdriver("status", "--json", "--detailed-exitcode", "--drift")
    found = json.loads(done.stdout)["result"]["compositions"]
    assert [c["drift"]["problem"] for c in found] == ["", ""]
    return done.returncode, {c["name"]: c["drift"]["drifted"] for c in found}


def plain(world: World) -> list[int]:
    return [world.terraform(c, "plan", "-detailed-exitcode").returncode for c in ("account_a", "account_b")]


@pytest.mark.long
def test_the_drift_check_and_plain_terraform_agree(small_world: World):
    world = small_world
    module = world.project / "modules/caller/main.tf"
    module.write_text(module.read_text() + MORE)
    done = world.tfdriver("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert drift(world) == (0, {"account_a": [], "account_b": []})

    iam = world.client("iam", "account_a")
    policy = json.dumps(iam.get_role_policy(RoleName="foo_bar", PolicyName="put")["PolicyDocument"])
    iam.put_role_policy(RoleName="foo_bar", PolicyName="put", PolicyDocument=policy.replace("PutItem", "*"))
    iam.put_role_policy(RoleName="foo_bar", PolicyName="by-hand", PolicyDocument=policy)
    world.client("iam", "account_b").delete_role_policy(RoleName="bar", PolicyName="assume")
    code, found = drift(world)

    assert (code, plain(world)) == (2, [2, 2])
    assert found == {
        "account_a": ["module.foo_bar.aws_iam_role_policy.this: policy"],
        "account_b": ["module.bar.aws_iam_role_policy.this: deleted"],
    }
    assert world.tfdriver("up", "--yes", "--no-verify").returncode == 0
    assert drift(world) == (0, {"account_a": [], "account_b": []})
    assert plain(world) == [0, 0], "a policy that no resource manages is not planned"
