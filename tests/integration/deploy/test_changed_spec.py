"""A spec edited after `up`, with real Terraform: no `--overwrite`, and no trust is widened in between."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import World
from tests.integration.deploy.test_ownership import UP

pytestmark = pytest.mark.integration

BAR = "arn:aws:iam::222222222222:role/bar"
OTHER = "  other: {account: account_b, module: caller}\n"


@pytest.mark.long
def test_a_role_taken_out_of_trusts_and_an_external_id_are_ordinary_changes(small_world: World):
    world, spec = small_world, small_world.project / "tfdriver.yaml"
    text = spec.read_text()
    spec.write_text(text.replace("trusts: [bar]", "trusts: [bar, other]") + OTHER)
    done = world.tfdriver(*UP)
    assert done.returncode == 0, done.stderr
    assert len(world.trusted()) == 2
    spec.write_text(text.replace("trusts: [bar]", "trusts: [bar], external_id: pair-1"))

    shown = json.loads(world.tfdriver("status", "--json").stdout)["result"]
    assert [(p["state"], p["advice"]) for p in shown["pairs"]] == [("changed", "Run `tfdriver up`")]
    assert "it trusts role other in account 222222222222" in shown["pairs"][0]["words"]
    since = len(world.calls())
    done = world.tfdriver(*UP)

    assert done.returncode == 0, done.stderr
    assert world.trusted() == [BAR]
    assert world.trust()["Condition"] == {"StringEquals": {"sts:ExternalId": "pair-1"}}
    assert world.trust_writes(since) == ["UpdateAssumeRolePolicy"]
    assert world.trust_writes(since, "other") == ["DeleteRole"]
    assert world.unchanged()

    policy = {"Version": "2012-10-17", "Statement": [world.trust() | {"Principal": {"AWS": [BAR, "333333333333"]}}]}
    world.client("iam", "account_a").update_assume_role_policy(RoleName="foo_bar", PolicyDocument=json.dumps(policy))
    refused = world.tfdriver(*UP, "--json")
    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, error["code"]) == (3, "unmanaged_trust")
    assert "all of account 333333333333" in refused.stderr
