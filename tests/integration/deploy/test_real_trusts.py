"""A trust policy with an organization's Deny, a service, a condition and session tags, through all commands."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import World
from tests.integration.deploy.test_ownership import UP

pytestmark = pytest.mark.integration

ADDED = """
    conditions: {IpAddress: {aws:SourceIp: [127.0.0.0/8, 10.0.0.0/8]}}
    session_tags: true
    trust_statements:
      - Sid: OnlyThatAccount
        Effect: Deny
        Principal: "*"
        Action: sts:AssumeRole
        Condition: {StringNotEquals: {aws:PrincipalAccount: ["222222222222", "111111111111"]}}
      - {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
"""


def statements(world: World) -> list[dict[str, Any]]:
    role = world.client("iam", "account_a").get_role(RoleName="foo_bar")["Role"]
    return list(role["AssumeRolePolicyDocument"]["Statement"])


def test_what_the_spec_adds_is_in_every_phase_and_an_edit_is_an_ordinary_change(small_world: World):
    world, spec = small_world, small_world.project / "tfdriver.yaml"
    plain = spec.read_text()
    spec.write_text(
        plain.replace(
            "foo_bar: {account: account_a, module: table, trusts: [bar]}",
            "foo_bar:\n    account: account_a\n    module: table\n    trusts: [bar]" + ADDED.rstrip("\n"),
        )
    )

    opened = world.tfdriver(*UP, "--no-tighten")
    assert opened.returncode == 3, opened.stderr
    broad = statements(world)
    tightened = world.tfdriver("tighten", "--yes")
    assert tightened.returncode == 0, tightened.stderr
    exact = statements(world)

    for own, *others in (broad, exact):
        assert own["Action"] == ["sts:AssumeRole", "sts:TagSession"]
        assert own["Condition"]["IpAddress"] == {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}
        assert sorted(statement["Effect"] for statement in others) == ["Allow", "Deny"]
    assert {"ArnEquals", "DateLessThan"} < broad[0]["Condition"].keys()
    assert exact[0]["Condition"].keys() == {"IpAddress"}
    assert exact[0]["Principal"] == {"AWS": ["arn:aws:iam::222222222222:role/bar"]}

    assert world.unchanged()
    verified = world.tfdriver("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr

    spec.write_text(plain)
    changed = world.tfdriver(*UP)
    assert changed.returncode == 0, changed.stderr
    (own,) = statements(world)
    assert own["Action"] == "sts:AssumeRole"
    assert "Condition" not in own
    assert world.tfdriver("destroy", "--yes").returncode == 0
