"""What is applied is known from the states, not from the rendered files, with real Terraform."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import World
from tests.integration.deploy.test_ownership import UP

pytestmark = pytest.mark.integration

FAILING = """
resource "aws_iam_role_policy_attachment" "missing" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:aws:iam::222222222222:policy/missing"
}
"""


def status(world: World) -> tuple[int, list[bool]]:
    done = world.tfdriver("status", "--json", "--detailed-exitcode")
    return done.returncode, [c["current"] for c in json.loads(done.stdout)["result"]["compositions"]]


def words(world: World) -> list[str]:
    return json.loads(world.tfdriver("explain", "foo_bar", "--json").stdout)["result"]["words"]


def test_a_plan_that_is_not_applied_leaves_nothing_that_status_and_explain_read(small_world: World):
    world, spec = small_world, small_world.project / "tfdriver.yaml"
    text = spec.read_text()
    assert world.tfdriver(*UP).returncode == 0
    assert (status(world), words(world)) == ((0, [True, True]), [])

    spec.write_text(text.replace("trusts: [bar]", "trusts: [bar], external_id: pair-1"))
    assert world.tfdriver("plan").returncode == 0
    assert status(world) == (2, [False, False])
    assert "bar in account_b sends no external id to role foo_bar in account_a, as compositions/" in words(world)[0]
    spec.write_text(text)
    assert (status(world), words(world)) == ((0, [True, True]), [])

    module = world.project / "modules/caller/main.tf"
    good = module.read_text()
    module.write_text(good + FAILING)
    spec.write_text(text.replace("trusts: [bar]", "trusts: [bar], external_id: pair-1"))
    assert world.tfdriver(*UP).returncode == 1
    assert status(world) == (2, [True, False]), "an apply that failed counts as complete"
    module.write_text(good)
    assert world.tfdriver(*UP).returncode == 0
    assert (status(world), words(world)) == ((0, [True, True]), [])
    assert world.unchanged()
