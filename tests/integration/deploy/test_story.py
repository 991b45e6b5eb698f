"""The phases with real Terraform and the real AWS provider, in a sandbox that enforces IAM."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import TFDRIVER, World, make_world
from tfdriver.project.timeline import exposures, read_timeline

pytestmark = pytest.mark.integration

FOO = "arn:aws:iam::111111111111:role/foo_bar"
BAR = "arn:aws:iam::222222222222:role/bar"
EXACT = {"Effect": "Allow", "Principal": {"AWS": [BAR]}, "Action": "sts:AssumeRole"}


def intruder(world: World) -> str:
    """Assume the role in A as account B's administrator; return the error code or `allowed`."""
    try:
        world.client("sts", "account_b").assume_role(RoleArn=FOO, RoleSessionName="intruder")
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"


def invoke(world: World) -> dict:
    answer = world.client("lambda", "account_b").invoke(FunctionName="bar")
    return json.load(answer["Payload"])


def counting_terraform(tmp_path: Path, world: World) -> Path:
    """Return a program that records each start of the real Terraform."""
    shim = tmp_path / "counting-terraform"
    found = world.run(["sh", "-c", "command -v terraform"]).stdout.strip()
    shim.write_text(f'#!/bin/sh\necho "$1 $(basename "$PWD")" >> "{tmp_path}/starts"\nexec "{found}" "$@"\n')
    shim.chmod(0o755)
    return shim


def left_over(world: World) -> list[str]:
    """The names of the example's resources that still exist, in both accounts."""
    found: list[str] = []
    for account in ("account_a", "account_b"):
        iam = world.client("iam", account)
        found += [r["RoleName"] for r in iam.list_roles()["Roles"]]
        found += [p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]]
        found += world.client("dynamodb", account).list_tables()["TableNames"]
        found += [f["FunctionName"] for f in world.client("lambda", account).list_functions()["Functions"]]
        found += [r["Name"] for r in world.client("events", account).list_rules()["Rules"]]
        found += [g["logGroupName"] for g in world.client("logs", account).describe_log_groups()["logGroups"]]
    return found


def public_files(compositions: Path) -> list[Path]:
    """The states and files of a run that other users may read."""
    return [
        path
        for path in compositions.rglob("*")
        if path.is_file() and (path.name.startswith("terraform.tfstate") or ".tfdriver" in path.parts)
        if stat.S_IMODE(path.stat().st_mode) != 0o600
    ]


@pytest.mark.long
def test_up_again_and_destroy(world: World, tmp_path: Path):
    shim = counting_terraform(tmp_path, world)
    up = world.tfdriver("up", "--yes", "--no-verify", TFDRIVER_TERRAFORM=str(shim))
    assert up.returncode == 0, up.stderr
    assert world.trust() == EXACT
    starts = (tmp_path / "starts").read_text().splitlines()
    assert starts[0].startswith("version ")
    assert sorted(starts[1:3]) == ["init account_a", "init account_b"]
    assert sorted(starts[3:7]) == [f"{c} account_{side}" for c in ("plan", "show") for side in "ab"]
    assert [s for s in starts[7:] if s != "apply account_b"] == [
        f"{c} account_a" for c in ("apply", "plan", "show", "apply")
    ]
    assert starts[7:].count("apply account_b") == 1

    assert intruder(world) == "AccessDenied"
    (written,) = invoke(world)["written"]
    table = world.client("dynamodb", "account_a")
    item = table.get_item(TableName="TestTable", Key={"MyPrimaryKey": {"S": written["key"]}})["Item"]
    assert {k: v["S"] for k, v in item.items()} == written["item"]
    (fired,) = world.server.fire("bar")
    assert fired.ran, fired.error
    assert table.scan(TableName="TestTable")["Count"] == 2

    for composition in ("account_a", "account_b"):
        # The second one has got the provider of the first one.
        init = world.terraform(composition, "init", "-lockfile=readonly", "-no-color")
        assert init.returncode == 0, init.stdout
        plan = world.terraform(composition, "plan", "-detailed-exitcode", "-no-color")
        assert plan.returncode == 0, plan.stdout

    before = len(world.calls())
    again = world.tfdriver("up", "--yes", "--no-verify", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["result"]["steps"] == []
    status = world.tfdriver("status", "--detailed-exitcode")
    assert status.returncode == 0, status.stdout
    assert world.writes(before) == []

    destroyed = world.tfdriver("destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert left_over(world) == []
    compositions = world.project / "compositions"
    assert [p.name for p in compositions.rglob("*") if p.is_file()] == ["timeline.jsonl"]
    assert [c.kind for c in read_timeline(compositions / "timeline.jsonl")] == ["broad", "exact", "gone"]
    assert world.tfdriver("destroy", "--yes").returncode == 0


def test_destroy_ends_an_exposure(small_world: World):
    assert small_world.tfdriver("up", "--yes", "--no-tighten", "--no-verify").returncode == 3
    assert small_world.tfdriver("destroy", "--yes").returncode == 0
    changes = read_timeline(small_world.project / "compositions/timeline.jsonl")
    assert [(c.kind, c.role, bool(c.by)) for c in changes] == [("broad", "foo_bar", True), ("gone", "foo_bar", True)]
    (window,) = exposures(changes, datetime.now(UTC))
    assert window.closed == datetime.fromisoformat(changes[1].at)


@pytest.mark.long
def test_tighten_after_no_tighten_changes_only_the_trust(world: World):
    up = world.tfdriver("up", "--yes", "--no-tighten", "--no-verify")
    assert up.returncode == 3
    assert "in force now: role foo_bar in account_a trusts account 222222222222, only as role/bar, until" in up.stderr
    assert "tfdriver tighten" in up.stderr
    compositions = world.project / "compositions"
    assert len(list(compositions.glob("*/terraform.tfstate"))) == 2
    assert public_files(compositions) == []
    condition = world.trust()["Condition"]
    assert condition["ArnEquals"] == {"aws:PrincipalArn": [BAR]}
    assert set(condition) == {"ArnEquals", "DateLessThan"}
    assert intruder(world) == "AccessDenied"
    assert "written" in invoke(world)
    planned = world.terraform("account_a", "plan", "-detailed-exitcode", "-no-color")
    assert planned.returncode == 2, "the files have the final values"
    assert "0 to add, 1 to change, 0 to destroy" in planned.stdout

    before = len(world.calls())
    tightened = world.tfdriver("tighten", "--yes")
    assert tightened.returncode == 0, tightened.stderr
    assert world.writes(before) == ["UpdateAssumeRolePolicy"]
    assert "Condition" not in world.trust()
    assert "written" in invoke(world)


@pytest.mark.long
def test_phase_3_without_phase_1_is_refused_by_aws(world: World):
    """Why the phases exist: IAM refuses a trust policy that names a missing role."""
    assert world.tfdriver("render").returncode == 0
    assert world.terraform("account_a", "init", "-input=false").returncode == 0
    trust_only = ("-target=module.foo_bar.aws_iam_role.this", "-no-color", "-auto-approve", "-input=false")
    # The provider retries for two minutes; its log has the first refusal.
    environ = {"TF_LOG_PROVIDER": "debug", "TF_LOG_PATH": str(world.log.with_name("provider.log"))}
    command = ["timeout", "-s", "INT", "15", "terraform", "apply", *trust_only]
    applied = world.run(command, world.project / "compositions/account_a", **environ)
    assert applied.returncode != 0
    refused = [c for c in world.calls() if c["action"] == "CreateRole"]
    assert refused
    assert all(c["error"] == "MalformedPolicyDocument" for c in refused)
    assert f'Invalid principal in policy: "AWS":"{BAR}"' in refused[0]["message"]


MANY = """
version: 1
accounts:
  east: {id: "111111111111", region: us-east-1}
  west: {id: "222222222222", region: us-west-2}
  apps: {id: "333333333333", region: us-west-2}
roles:
  orders:
    account: east
    module: team_a_foo_ddb
    variables: {table_name: Orders}
    trusts: [shop, audit]
    external_id: generate
  stock: {account: west, module: team_a_foo_ddb, variables: {table_name: Stock}, trusts: [shop]}
  shop: {account: apps, module: team_b_bar_app}
  audit: {account: apps, module: team_b_bar_app, path: /team/}
"""


MANY_TRUSTING = ("orders", "stock")


@pytest.fixture
def many(project: Path, tmp_path: Path):
    (project / "tfdriver.yaml").write_text(MANY)
    yield from make_world(project, tmp_path)


@pytest.mark.long
def test_many_to_many(many: World):
    up = many.tfdriver("up", "--yes", "--no-verify")
    assert up.returncode == 0, up.stderr
    created = [c for c in many.calls() if c["action"] == "CreateRole" and c["resource"].split("/")[-1] in MANY_TRUSTING]
    broad = [c["resource"].split("/")[-1] for c in created if ":root" in c["trust_policy"]]
    assert (len(created), broad) == (2, ["orders"]), "the second role is created exact"
    shop, audit = "arn:aws:iam::333333333333:role/shop", "arn:aws:iam::333333333333:role/team/audit"
    assert many.trusted("orders", "east") == [shop, audit]
    assert many.trusted("stock", "west") == [shop]
    written = json.load(many.client("lambda", "apps").invoke(FunctionName="shop")["Payload"])["written"]
    assert {w["table_name"] for w in written} == {"Orders", "Stock"}
    assert many.tfdriver("destroy", "--yes").returncode == 0


@pytest.mark.long
def test_the_demo_on_a_machine_without_terraform(tmp_path: Path):
    """With an empty home, no credentials, and a TF_CLI_CONFIG_FILE that names a missing file."""
    path = tmp_path / "bin"
    path.mkdir()
    for tool in ("sh", "env", "git"):
        found = next((Path(p) / tool for p in os.environ["PATH"].split(":") if (Path(p) / tool).exists()), None)
        if found:
            (path / tool).symlink_to(found)

    environ = {"PATH": str(path), "HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(tmp_path / "missing.rc")}
    assert shutil.which("terraform", path=str(path)) is None
    ended = subprocess.run(
        [str(TFDRIVER), "demo", "--json"], env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)["result"]
    assert [(s["phase"], s["administrator"], s["namesake"]) for s in result["steps"]] == [
        ("broad", "AccessDenied", "allowed"),
        ("connect", "AccessDenied", None),
        ("tighten", "AccessDenied", "AccessDenied"),
    ]
    assert result["item"]["WrittenBy"] == "bar"
