"""States in a bucket: a fresh clone of a project reports and does the same as the old one."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import TFDRIVER, World, use_buckets
from tests.integration.deploy.test_ownership import UP, delete_role

pytestmark = pytest.mark.integration

# Files beside a composition that are not in version control.
NOT_CLONED = (".terraform", ".tfdriver", "*.tfstate*", "timeline.jsonl")


def in_folder(world: World, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return world.run([str(TFDRIVER), "-C", str(folder), *command])


def status(world: World, folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit code and the result of `status` without the timeline, which is local."""
    done = in_folder(world, folder, "status", "--json", "--drift", "--detailed-exitcode")
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)["result"]
    return done.returncode, {key: result[key] for key in ("accounts", "pairs", "compositions")}


@pytest.mark.long
def test_a_fresh_clone_reports_and_does_the_same_as_the_old_one(small_world: World, tmp_path: Path):
    world, clone, bare = small_world, tmp_path / "clone", tmp_path / "bare"
    use_buckets(world)
    assert world.tfdriver(*UP).returncode == 0
    shutil.copytree(world.project, clone, ignore=shutil.ignore_patterns(*NOT_CLONED))
    shutil.copytree(world.project, bare, ignore=shutil.ignore_patterns("compositions"))

    code, found = status(world, world.project)
    assert (code, [c["resources"] for c in found["compositions"]]) == (0, [3, 2])
    assert found["pairs"][0]["state"] == "exact"
    assert status(world, clone) == (code, found)
    verified = json.loads(in_folder(world, bare, "verify", "--json").stdout)["result"]
    assert {check["verdict"] for check in verified["checks"] if check["name"] == "permissions"} == {"passed"}

    iam = world.client("iam", "account_a")
    policy = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    iam.attach_role_policy(RoleName="foo_bar", PolicyArn=policy)
    before = len(world.calls())
    refused = in_folder(world, clone, "destroy", "--yes")
    assert refused.returncode == 1
    assert policy in refused.stderr
    assert world.writes(before) == []

    iam.detach_role_policy(RoleName="foo_bar", PolicyArn=policy)
    delete_role(world, "foo_bar", "account_a")
    delete_role(world, "bar", "account_b")
    destroyed = in_folder(world, clone, "destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert world.client("dynamodb", "account_a").list_tables()["TableNames"] == []


def test_an_unreadable_state_stops_every_change(small_world: World):
    world = small_world
    use_buckets(world)
    world.client("s3", "account_b").delete_bucket(Bucket="our-states-222222222222")
    before = len(world.calls())

    for command in (UP, ("destroy", "--yes")):
        refused = world.tfdriver(*command)
        assert refused.returncode == 1
        assert "compositions/account_b: its state cannot be read: " in refused.stderr
        assert "our-states-222222222222" in refused.stderr
    shown = world.tfdriver("status", "--detailed-exitcode")

    assert shown.returncode != 0
    assert "the state of account_b in backend s3" in shown.stdout
    assert world.writes(before) == []


def test_up_moves_the_states_into_buckets_that_bootstrap_created_and_back(small_world: World, tmp_path: Path):
    world, spec, clone = small_world, small_world.project / "tfdriver.yaml", tmp_path / "clone"
    local = spec.read_text()
    assert world.tfdriver(*UP).returncode == 0
    spec.write_text(local + 'state: {backend: s3, bucket: "acme-{account_id}"}\n')
    assert world.tfdriver("bootstrap", "--yes").returncode == 0

    refused = world.tfdriver("plan")
    assert "tfdriver up" in refused.stderr
    moved = world.tfdriver(*UP)
    assert moved.returncode == 0, moved.stderr
    assert "moves from compositions/account_a/terraform.tfstate to s3://acme-111111111111/" in moved.stderr
    assert world.client("s3", "account_b").list_objects_v2(Bucket="acme-222222222222")["KeyCount"] == 1
    assert list(world.project.glob("compositions/*/terraform.tfstate")) == []

    shutil.copytree(world.project, clone, ignore=shutil.ignore_patterns("compositions"))
    assert [c["resources"] for c in status(world, clone)[1]["compositions"]] == [3, 2]

    spec.write_text(local)
    back = world.tfdriver(*UP)
    assert back.returncode == 0, back.stderr
    assert len(list(world.project.glob("compositions/*/terraform.tfstate"))) == 2
    assert world.tfdriver("plan", "--detailed-exitcode").returncode == 0
