"""Many accounts in CI: the jobs of the generated workflow, shard by shard, each in a clone of its own."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
import yaml

from tests.faults import processes
from tests.integration.conftest import SMALL, TFDRIVER, World, make_world
from tests.unit.project.test_ci import commands
from tfdriver.project import assets
from tfdriver.project.ci import FILES
from tfdriver.project.selection import parse_shard

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the jobs use curl"),
]

HOST = "token.actions.githubusercontent.com"
SUBJECTS = {"main": "repo:acme/infra:ref:refs/heads/main", "pull_request": "repo:acme/infra:pull_request"}
HUB = "222222222222"
ADMIN, READ_ONLY = "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess"


def spec(spokes: list[str]) -> dict[str, Any]:
    """One trusted role in a hub, and one role that trusts it in each spoke."""
    numbers = {"hub": HUB} | {name: f"1{n:011}" for n, name in enumerate(spokes, start=1)}
    probe_by = f"arn:aws:iam::{HUB}:role/tfdriver"
    return {
        "version": 1,
        "project": "fleet",
        "accounts": {name: {"id": number, "region": "us-west-2"} for name, number in numbers.items()},
        "roles": {
            "data": {"accounts": "spoke_*", "module": "table", "external_id": "generate", "trusts": ["reader"]},
            "reader": {
                "account": "hub",
                "module": "trusted_role",
                "variables": {"service": "lambda", "probe_by": probe_by},
            },
        },
        "state": {"backend": "s3", "bucket": "states-{account_id}"},
    }


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]})


@dataclass
class Fleet:
    """A repository with a workflow, in a sandbox. jobs: of the workflow; issuer: URL of the CI system's tokens."""

    world: World
    folder: Path
    issuer: str
    accounts: dict[str, str]
    jobs: dict[str, Any]

    def prepare(self, account: str, number: str) -> None:
        """Create what docs/ci.md asks for in an account: an OIDC provider and two roles."""
        iam = self.world.client("iam", account)
        provider = iam.create_open_id_connect_provider(Url=f"https://{HOST}", ClientIDList=["sts.amazonaws.com"])
        federated = {"Federated": provider["OpenIDConnectProviderArn"]}
        roles = {"tfdriver": [SUBJECTS["main"]], "tfdriver-plan": list(SUBJECTS.values())}
        for name, subjects in roles.items():
            equals = {f"{HOST}:aud": "sts.amazonaws.com", f"{HOST}:sub": subjects}
            condition = {"StringEquals": equals}
            trust = {"Action": "sts:AssumeRoleWithWebIdentity", "Principal": federated, "Condition": condition}
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
            iam.attach_role_policy(RoleName=name, PolicyArn=ADMIN if name == "tfdriver" else READ_ONLY)
        locks = {"Action": ["s3:PutObject", "s3:DeleteObject"], "Resource": f"arn:aws:s3:::states-{number}/*.tflock"}
        iam.put_role_policy(RoleName="tfdriver-plan", PolicyName="locks", PolicyDocument=policy(locks))

    def start(self, name: str, shard: str = "", event: str = "main", command: str = "") -> Job:
        """Start a job of the workflow in a new clone. command: in place of that of the last step."""
        number = len(list(self.folder.glob("job-*")))
        home = self.folder / f"job-{number}-{name}{shard.replace('/', '-')}"
        (home / "temp").mkdir(parents=True)
        subprocess.run(["git", "clone", "-q", self.world.project, home / "clone"], check=True)
        *steps, last = [step for step in self.jobs[name]["steps"] if "run" in step]
        lines = ["set -e"]
        for index, step in enumerate([*steps, last | {"run": command or last["run"]}]):
            if step["run"].startswith("pip install"):
                continue
            (home / f"{index}.sh").write_text(step["run"])
            lines += [f"bash --noprofile --norc -eo pipefail {quote(str(home / f'{index}.sh'))}"]
            lines += ["set -a", '. "$GITHUB_ENV"', "set +a"]
        (home / "github-env").touch()
        environ = {
            "HOME": str(home),
            "PATH": f"{self.folder}:{TFDRIVER.parent}:{self.world.environ['PATH']}",
            "RUNNER_TEMP": str(home / "temp"),
            "GITHUB_ENV": str(home / "github-env"),
            "GITHUB_REPOSITORY": "acme/infra",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.issuer}/{event}?version=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request",
            "PULL_REQUEST": "7",
            "SHARD": shard,
        }
        without = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}
        kept = {key: value for key, value in self.world.environ.items() if key not in without}
        with (home / "out").open("w") as out, (home / "log").open("w") as log:
            process = subprocess.Popen(
                ["bash", "-c", "\n".join(lines)],
                cwd=home / "clone",
                env=kept | environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        return Job(home, process)

    def run(self, name: str, **more: str) -> Job:
        """Run a job to its end."""
        job = self.start(name, **more)
        job.wait()
        return job

    def phase(self, name: str) -> None:
        """Run all shards of a phase side by side."""
        for job in [self.start(name, shard) for shard in self.shards(name)]:
            job.wait()

    def shards(self, name: str) -> list[str]:
        """The shards of a phase."""
        found: list[str] = self.jobs[name]["strategy"]["matrix"]["shard"]
        return found


@dataclass
class Job:
    """A running job. home: its folder, with its output."""

    home: Path
    process: subprocess.Popen[bytes]

    @property
    def out(self) -> str:
        return (self.home / "out").read_text()

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    def wait(self) -> None:
        """Wait for the end; fail if the job fails."""
        code = self.process.wait(timeout=300)
        self.kill()  # what a step has left running in the background, as the CI system does
        assert code == 0, self.log + self.out

    def kill(self) -> None:
        """Kill the process group."""
        processes.kill(self.process.pid, group=True)


@contextmanager
def tokens() -> Iterator[str]:
    """Yield the URL where jobs get a token; its path is the event."""

    class Tokens(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name of http.server
            assert self.headers["Authorization"] == "bearer request"
            event, _, query = self.path.strip("/").partition("?")
            assert query == "version=1&audience=sts.amazonaws.com"
            claims = {"iss": f"https://{HOST}", "sub": SUBJECTS[event], "aud": "sts.amazonaws.com", "exp": 4102444800}
            body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"value": f"e30.{body}.e30"}).encode())

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with make_fleet(tmp_path, request.param) as found:
        yield found


@contextmanager
def make_fleet(tmp_path: Path, count: int) -> Iterator[Fleet]:
    """Yield a fleet of `count` spokes. With the file `armed`, the last spoke's role waits for the file `go`."""
    names = [f"spoke_{n:02}" for n in range(1, count + 1)]
    body = spec(names)
    project = tmp_path / "project"
    shutil.copytree(SMALL / "modules/table", project / "modules/table")
    shutil.copytree(assets.modules() / "trusted_role", project / "modules/trusted_role")
    (project / "tfdriver.yaml").write_text(json.dumps(body))
    files = {name: str(tmp_path / name) for name in ("armed", "reached", "go")}
    rule = {"call": "iam:CreateRole", "account": body["accounts"][names[-1]]["id"], "nth": 1}
    held = rule | {"if": files["armed"], "touch": files["reached"], "wait_for": files["go"]}
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"faults": [held]}))
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "pr comment 7" ] && cp "$7" {quote(str(tmp_path / "comment"))}\n')
    gh.chmod(0o755)
    with tokens() as issuer, contextmanager(make_world)(project, tmp_path, faults) as world:
        for system in FILES:
            written = world.tfdriver("ci", system, "--shards", "3")
            assert written.returncode == 0, written.stderr
        for command in ("init -q", "add .", "-c user.name=x -c user.email=x@example.com commit -qm first"):
            subprocess.run(["git", *command.split()], cwd=project, check=True)
        jobs = yaml.safe_load((project / FILES["github"]).read_text())["jobs"]
        found = Fleet(world, tmp_path, issuer, {n: a["id"] for n, a in body["accounts"].items()}, jobs)
        for account, number in found.accounts.items():
            found.prepare(account, number)
        bootstrapped = world.tfdriver("bootstrap", "--yes")
        assert bootstrapped.returncode == 0, bootstrapped.stderr
        yield found


@pytest.mark.long
@pytest.mark.parametrize("fleet", [2, pytest.param(12, marks=pytest.mark.faults)], indirect=True)
def test_the_jobs_of_the_workflow_deploy_a_fleet_though_one_is_killed(fleet: Fleet):
    spokes = [name for name in fleet.accounts if name != "hub"]
    parsed = {system: yaml.safe_load((fleet.world.project / file).read_text()) for system, file in FILES.items()}
    assert commands("github", parsed["github"]) == commands("gitlab", parsed["gitlab"])
    assert [len(fleet.shards(phase)) for phase in ("broad", "connect", "tighten")] == [
        min(3, len(spokes)),
        1,
        min(3, len(spokes)),
    ]
    before = len(fleet.world.calls())

    fleet.phase("broad")
    assert [name for name in spokes if "data" in roles(fleet, name)] == spokes[:1]
    fleet.phase("connect")
    tighten_with_a_kill(fleet, spokes[-1])

    verified = json.loads(fleet.run("tighten", command="tfdriver verify --json").out)["result"]["checks"]
    passed = {(c["pair"]["trusting"], c["name"]) for c in verified if c["verdict"] == "passed"}
    ids = ("", "-without-external-id", "-with-wrong-external-id", "-with-crossed-external-id")
    assert {(f"data@{name}", f"assume{suffix}") for name in spokes for suffix in ids} <= passed
    assert {c["verdict"] for c in verified} <= {"passed", "not probed"}
    fleet.run("drift")
    fleet.run("plan", event="pull_request")
    assert "\n    No changes: " in (fleet.folder / "comment").read_text()

    fleet.run("tighten", command="tfdriver destroy --yes")
    writes = ("CreateRole", "UpdateAssumeRolePolicy", "DeleteRole")
    callers = {c["caller"].rpartition("/")[0] for c in fleet.world.calls(before) if c["action"] in writes}
    assert callers == {f"arn:aws:sts::{number}:assumed-role/tfdriver" for number in fleet.accounts.values()}
    for name, number in fleet.accounts.items():
        assert sorted(roles(fleet, name)) == ["tfdriver", "tfdriver-plan"]
        assert fleet.world.client("dynamodb", name).list_tables()["TableNames"] == []
        buckets = fleet.world.client("s3", name).list_buckets()["Buckets"]
        assert [bucket["Name"] for bucket in buckets] == [f"states-{number}"]


def tighten_with_a_kill(fleet: Fleet, last: str) -> None:
    """Run the last phase. Kill the shard that is creating the role of the account `last`, and start it again."""
    (fleet.folder / "armed").touch()
    jobs = {shard: fleet.start("tighten", shard) for shard in fleet.shards("tighten")}
    killed = next(shard for shard in jobs if parse_shard(shard).includes(last))
    end = time.monotonic() + 120
    while not (fleet.folder / "reached").exists():
        assert time.monotonic() < end, jobs[killed].log
        time.sleep(0.05)
    jobs[killed].kill()
    assert jobs[killed].process.wait(timeout=30) == -signal.SIGKILL
    jobs[killed] = fleet.start("tighten", killed)
    (fleet.folder / "go").touch()
    for job in jobs.values():
        job.wait()


def roles(fleet: Fleet, account: str) -> list[str]:
    return [role["RoleName"] for role in fleet.world.client("iam", account).list_roles()["Roles"]]
