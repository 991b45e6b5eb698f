"""Every stopped command reports the broad trusts in force; `tighten` needs only the trusting side's credentials."""

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
    """A project after phase 2, with its states in a bucket of each account."""
    use_buckets(small_world)
    assert small_world.tfdriver(*UP, "--no-tighten").returncode == 3
    return small_world


def rename_profile(world: World, account: str) -> None:
    """Rename an account's profile to `lost`, or back."""
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        path = Path(world.environ[name])
        text = path.read_text()
        path.write_text(text.replace("lost", account) if "lost" in text else text.replace(account, "lost"))


@pytest.mark.long
def test_stopped_commands_report_the_open_trust_until_tighten_closes_it(opened: World):
    spec = opened.project / "tfdriver.yaml"
    good = spec.read_text()

    no_terraform = opened.tfdriver(*UP, TFDRIVER_TERRAFORM="/nowhere/terraform")
    spec.write_text(good.replace("trusts: [bar]", "trusts: [baz]"))
    bad_spec = opened.tfdriver(*UP, "--json")
    spec.write_text(good)
    rename_profile(opened, "account_a")
    no_access = opened.tfdriver(*UP)
    rename_profile(opened, "account_a")
    rename_profile(opened, "account_b")
    no_profile = [opened.tfdriver(*command) for command in (UP, ("destroy", "--yes"), ("plan",))]

    for stopped in (no_terraform, *no_profile):
        assert stopped.returncode == 3, stopped.stderr
        assert f"In force now: {OPEN}" in stopped.stderr
    for stopped in (bad_spec, no_access):
        assert stopped.returncode == 3
        assert "role foo_bar in account_a had a broad trust and may still trust account 222222222222" in stopped.stderr
    assert json.loads(bad_spec.stdout)["exit_code"] == 3

    before = len(opened.calls())
    tightened = opened.tfdriver("tighten", "--yes")
    assert tightened.returncode == 0, tightened.stderr
    assert "no access to account_b" in tightened.stderr
    assert opened.trusted() == ["arn:aws:iam::222222222222:role/bar"]
    assert opened.trust_writes(before) == ["UpdateAssumeRolePolicy"]

    delete_role(opened, "bar", "account_b")
    orphaned = opened.tfdriver("tighten", "--yes")
    assert orphaned.returncode == 1
    assert "role bar in account_b: role foo_bar in account_a trusts a deleted role" in orphaned.stderr
    assert opened.trust_writes(before) == ["UpdateAssumeRolePolicy"]


@pytest.mark.long
def test_tighten_to_an_unreadable_absent_role_fails_soon(opened: World):
    delete_role(opened, "bar", "account_b")
    rename_profile(opened, "account_b")

    stopped = opened.tfdriver("tighten", "--yes")

    assert stopped.returncode == 3
    assert "error[principal_refused]" in stopped.stderr
    assert f"In force now: {OPEN}" in stopped.stderr
