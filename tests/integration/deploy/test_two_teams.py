"""Two teams, each with a clone and the credentials of its own account. They exchange only commits."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import TFDRIVER, World, use_buckets
from tests.integration.deploy.test_shared_state import NOT_CLONED

pytestmark = pytest.mark.integration

BAR = "arn:aws:iam::222222222222:role/bar"
UP = ("up", "--yes")
TIGHTEN = ("tighten", "--yes")
DESTROY = ("destroy", "--yes")


@dataclass
class Team:
    """A team with a clone of its own and one profile. number: its account id."""

    world: World
    account: str
    number: str
    clone: Path
    environ: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this team's account, and check that it made calls with this team's keys only."""
        before = len(self.world.calls())
        done = self.world.run([str(TFDRIVER), "-C", str(self.clone), *command, "--only", self.account], **self.environ)
        assert {call["account"] for call in self.world.calls(before)} == {self.number}, done.stderr
        return done

    def result(self, *command: str) -> tuple[int, dict[str, Any]]:
        done = self.run(*command, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)["result"]

    def pull(self, other: Team) -> None:
        """Take over what the other team has committed."""
        shutil.copytree(other.clone, self.clone, ignore=shutil.ignore_patterns(*NOT_CLONED), dirs_exist_ok=True)


def make_team(world: World, account: str, number: str, folder: Path) -> Team:
    clone, environ = folder / f"clone-{account}", {}
    shutil.copytree(world.project, clone)
    for variable in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        sections = re.split(r"(?m)^(?=\[)", Path(world.environ[variable]).read_text())
        own = [section for section in sections if section.split("]")[0].removeprefix("[profile ").strip("[") == account]
        path = folder / f"{account}-{variable}"
        path.write_text("".join(own))
        environ[variable] = str(path)
    return Team(world, account, number, clone, environ)


@pytest.fixture
def teams(small_world: World, tmp_path: Path) -> tuple[Team, Team]:
    use_buckets(small_world)
    return (
        make_team(small_world, "account_a", "111111111111", tmp_path),
        make_team(small_world, "account_b", "222222222222", tmp_path),
    )


@pytest.mark.long
def test_each_team_changes_verifies_and_destroys_its_own_account_in_both_orders(teams: tuple[Team, Team]):
    a, b = teams
    world = a.world
    missing = world.run([str(TFDRIVER), "-C", str(a.clone), *UP], **a.environ)
    assert missing.returncode == 1
    assert "Add `--only account_a` to the command if another team runs it for account_b" in missing.stderr

    opened = a.run(*UP)
    assert opened.returncode == 3, opened.stderr
    assert "Ask the owner of account_b to run `tfdriver up --only account_b`." in opened.stderr
    assert world.trusted() == ["arn:aws:iam::222222222222:root"]
    assert "Condition" in world.trust()
    early = a.run(*TIGHTEN)
    assert early.returncode == 3, early.stderr
    assert f"IAM does not accept this principal: {BAR}" in early.stderr
    assert world.trusted() == ["arn:aws:iam::222222222222:root"]

    b.pull(a)
    connected = b.run(*UP)
    assert connected.returncode == 0, connected.stderr
    a.pull(b)
    assert a.run(*TIGHTEN).returncode == 0
    assert world.trusted() == [BAR]

    for team, proved in ((a, {"trust-policy", "permissions"}), (b, {"permissions", "intruder"})):
        code, found = team.result("verify")
        passed = {check["name"] for check in found["checks"] if check["verdict"] == "passed"}
        assert (code, passed) == (0, proved), found["checks"]
        assert "is not selected" in str([c["happened"] for c in found["checks"] if c["verdict"] == "not probed"])
        assert team.run("plan", "--detailed-exitcode").returncode == 0
        assert team.run("status", "--detailed-exitcode").returncode == 0
    assert [team.result("status")[1]["pairs"][0]["state"] for team in teams] == ["exact", "unknown"]

    for team in teams:
        assert team.run(*DESTROY).returncode == 0
    assert [world.client("iam", name).list_roles()["Roles"] for name in ("account_a", "account_b")] == [[], []]

    assert b.run(*UP).returncode == 0
    assert a.run(*UP).returncode == 3
    assert a.run(*TIGHTEN).returncode == 0
    assert world.trusted() == [BAR]
    for team in (b, a):
        assert team.run(*DESTROY).returncode == 0
