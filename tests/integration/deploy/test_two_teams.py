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
from tests.integration.deploy.test_ownership import delete_role
from tfdriver.project import assets

pytestmark = pytest.mark.integration

OF_B = "compositions/account_b/outputs.json"
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

    def push(self) -> None:
        """Commit everything that git does not ignore, and push it."""
        self.git("add", "-A")
        self.git("commit", "-qm", f"Apply {self.account}")
        self.pull()
        self.git("push", "-q", "origin", "HEAD")

    def pull(self) -> None:
        self.git("pull", "-q", "--rebase", "origin", "main")

    def git(self, *arguments: str) -> str:
        return git(self.world, self.clone, *arguments)


def git(world: World, folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=team", "-c", "user.email=team@example.com")
    done = world.run(["git", *identity, *arguments], folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_team(world: World, account: str, number: str, folder: Path) -> Team:
    clone, environ = folder / f"clone-{account}", {}
    git(world, folder, "clone", "-q", str(world.project), str(clone))
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
    project = small_world.project
    shutil.copy(assets.templates() / "init/gitignore", project / ".gitignore")
    git(small_world, project, "init", "-q", "-b", "main")
    git(small_world, project, "add", "-A")
    git(small_world, project, "commit", "-qm", "Add the project")
    git(small_world, project, "checkout", "-q", "--detach")  # so that the teams can push to `main`
    return (
        make_team(small_world, "account_a", "111111111111", tmp_path),
        make_team(small_world, "account_b", "222222222222", tmp_path),
    )


def created(world: World, since: int) -> list[str]:
    """The trust policies with which `foo_bar` was created since line `since` of the call log."""
    made = (c for c in world.calls(since) if c["action"] == "CreateRole" and c["resource"].endswith("/foo_bar"))
    return [call["trust_policy"] for call in made if call["status"] < 400]


@pytest.mark.long
def test_each_team_changes_verifies_and_destroys_its_own_account_in_both_orders(teams: tuple[Team, Team]):
    a, b = teams
    world = a.world
    missing = world.run([str(TFDRIVER), "-C", str(a.clone), *UP], **a.environ)
    assert missing.returncode == 1
    assert "Add `--only account_a` to the command if another team runs it for account_b" in missing.stderr

    opened = a.run(*UP)
    assert opened.returncode == 3, opened.stderr
    assert "Ask the owner of account_b to run `tfdriver up --only account_b` and to commit." in opened.stderr
    assert world.trusted() == ["arn:aws:iam::222222222222:root"]
    assert "Condition" in world.trust()
    a.push()
    early = a.run(*TIGHTEN)
    assert early.returncode == 3, early.stderr
    assert "compositions/account_b/outputs.json does not exist" in early.stderr

    b.pull()
    connected = b.run(*UP)
    assert connected.returncode == 0, connected.stderr
    b.push()
    a.pull()
    assert a.run(*TIGHTEN).returncode == 0
    assert world.trusted() == [BAR]

    for team, proved in ((a, {"trust-policy", "permissions"}), (b, {"permissions", "intruder"})):
        code, found = team.result("verify")
        passed = {check["name"] for check in found["checks"] if check["verdict"] == "passed"}
        assert (code, passed) == (0, proved), found["checks"]
        (other,) = {"account_a", "account_b"} - {team.account}
        left = [c["happened"] for c in found["checks"] if c["verdict"] == "not probed"]
        assert left == [f"needs {other}, which is not selected"]
        assert team.run("plan", "--detailed-exitcode").returncode == 0
        assert team.run("status", "--detailed-exitcode").returncode == 0
        assert team.git("status", "--porcelain", "compositions/*/outputs.json") == ""
    for team, state in ((a, "exact"), (b, "unknown")):
        found = team.result("status")[1]
        (unseen,) = found["unseen_roles"]
        assert (found["pairs"][0]["state"], unseen["applied"] is not None) == (state, True)

    for team in teams:
        assert team.run(*DESTROY).returncode == 0
        team.push()
    assert [world.client("iam", name).list_roles()["Roles"] for name in ("account_a", "account_b")] == [[], []]
    assert [[*team.clone.glob("compositions/*/outputs.json")] for team in teams] == [[a.clone / OF_B], []]


@pytest.mark.long
def test_the_trusted_team_first_has_no_broad_trust_and_roles_created_again_are_trusted_after_a_commit(teams):
    a, b = teams
    world = a.world
    assert b.run(*UP).returncode == 0
    b.push()
    a.pull()
    delete_role(world, "bar", "account_b")
    stale = a.run(*UP)
    assert stale.returncode == 1, stale.stderr
    assert f"{OF_B} is stale: the role was deleted after it was written" in stale.stderr
    assert created(world, 0) == []

    assert b.run(*UP).returncode == 0
    b.push()
    a.pull()
    plan = a.run("plan")
    assert a.run(*UP).returncode == 0
    (policy,) = created(world, 0)
    assert plan.stdout.startswith("phase 1 (exact at once), account_a (111111111111): 2 to create")
    assert "trusts role bar in account_b (222222222222)" in plan.stdout
    assert (BAR in policy, ":root" in policy, world.trust_writes()) == (True, False, ["CreateRole"])
    a.push()

    delete_role(world, "bar", "account_b")
    b.pull()
    assert b.run(*UP).returncode == 0
    b.push()
    refused = a.run(*TIGHTEN)
    assert refused.returncode == 1
    assert "outputs.json still lists the deleted role's id" in refused.stderr
    a.pull()
    assert a.run(*TIGHTEN).returncode == 0
    assert world.trusted() == [BAR]
    for team in (b, a):
        assert team.run(*DESTROY).returncode == 0
