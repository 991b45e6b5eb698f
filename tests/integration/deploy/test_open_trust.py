"""A broad trust in force is reported whatever stops a command; `tighten` needs one side's credentials only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.conftest import World, use_buckets
from tests.integration.deploy.test_ownership import UP, delete_role

pytestmark = pytest.mark.integration

OPEN = "role foo_bar in account_a trusts account 222222222222, only as role/bar, until"


@pytest.fixture
def opened(small_world: World) -> World:
    """A project whose run stopped after phase 2, the states in a bucket of each account."""
    use_buckets(small_world)
    assert small_world.tfdriver(*UP, "--no-tighten").returncode == 3
    return small_world


def lose(world: World, account: str) -> None:
    """Rename an account's profile; called again, give it its name back."""
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        path = Path(world.environ[name])
        text = path.read_text()
        path.write_text(text.replace("lost", account) if "lost" in text else text.replace(account, "lost"))


def test_whatever_stops_a_command_an_open_trust_is_reported_until_tighten_closes_it(opened: World):
    spec = opened.project / "tfdriver.yaml"
    good = spec.read_text()

    no_terraform = opened.tfdriver(*UP, TFDRIVER_TERRAFORM="/nowhere/terraform")
    spec.write_text(good.replace("trusts: [bar]", "trusts: [baz]"))
    bad_spec = opened.tfdriver(*UP, "--json")
    spec.write_text(good)
    lose(opened, "account_a")
    unseen = opened.tfdriver(*UP)
    lose(opened, "account_a")
    lose(opened, "account_b")
    no_profile = [opened.tfdriver(*command) for command in (UP, ("destroy", "--yes"), ("plan",))]

    for stopped in (no_terraform, *no_profile):
        assert stopped.returncode == 3, stopped.stderr
        assert f"In force now: {OPEN}" in stopped.stderr
    for stopped in (bad_spec, unseen):
        assert stopped.returncode == 3
        assert "role foo_bar in account_a was opened, and may still trust account 222222222222" in stopped.stderr
    assert json.loads(bad_spec.stdout)["exit_code"] == 3

    before = len(opened.calls())
    tightened = opened.tfdriver("tighten", "--yes")
    assert tightened.returncode == 0, tightened.stderr
    assert "account_b is not seen" in tightened.stderr
    assert opened.trusted() == ["arn:aws:iam::222222222222:role/bar"]
    assert opened.trust_writes(before) == ["UpdateAssumeRolePolicy"]

    delete_role(opened, "bar", "account_b")
    orphaned = opened.tfdriver("tighten", "--yes")
    assert orphaned.returncode == 1
    assert "role bar in account_b: role foo_bar in account_a trusts a role that was deleted" in orphaned.stderr
    assert opened.trust_writes(before) == ["UpdateAssumeRolePolicy"]


def test_a_role_that_is_not_seen_and_does_not_exist_is_not_waited_for_long(opened: World):
    delete_role(opened, "bar", "account_b")
    lose(opened, "account_b")

    stopped = opened.tfdriver("tighten", "--yes")

    assert stopped.returncode == 3
    assert "s and was interrupted" in stopped.stderr
    assert "whether role bar in account_b exists cannot be seen" in stopped.stderr
    assert f"In force now: {OPEN}" in stopped.stderr
