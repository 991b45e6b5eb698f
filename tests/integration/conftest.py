"""A new project, the installed command and a sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Any

import boto3
import pytest

from tests.integration import preloaded
from tfdriver.aws.client import known_regions
from tfdriver.cli.sandbox_run import terraform_for_shells
from tfdriver.project.init import init
from tfdriver.sandbox import start
from tfdriver.sandbox.run_command import child_environment
from tfdriver.sandbox.start import Sandbox
from tfdriver.spec.load import load_spec
from tfdriver.terraform.environment import terraform_environment
from tfdriver.terraform.program import find_program
from tfdriver.terraform.provider_installation import PROVIDERS, cli_config

TFDRIVER = Path(sys.executable).with_name("tfdriver")
_LONGEST = 300  # seconds of a command
SMALL = Path(__file__).parents[1] / "faults/project"


@dataclass
class World:
    """A project in a running sandbox. environ: of the commands; log: the sandbox's log of API calls."""

    project: Path
    server: Sandbox
    environ: dict[str, str]
    log: Path
    sessions: dict[str, boto3.Session] = field(default_factory=dict)
    manual_clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def tfdriver(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the installed command on the project."""
        return self.run([str(TFDRIVER), "-C", str(self.project), *arguments], **environ)

    def run(self, command: list[str], folder: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the environment of the sandbox's shell."""
        folder, variables = folder or Path.cwd(), self.environ | environ
        if command[0] == str(TFDRIVER) and sys.platform == "linux":  # others lack SOCK_SEQPACKET
            return preloaded.run(command, variables, folder, _LONGEST)
        return subprocess.run(
            command,
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_LONGEST,
            check=False,
        )

    def terraform(self, composition: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run plain Terraform in a composition."""
        return self.run(["terraform", *arguments], self.project / "compositions" / composition)

    def unchanged(self) -> bool:
        """Whether Terraform plans no changes; `test_drift` proves that a plain `terraform plan` says the same."""
        return self.tfdriver("status", "--drift", "--detailed-exitcode").returncode == 0

    def client(self, service: str, profile: str) -> Any:
        """A boto3 client of an account's administrator."""
        if profile not in self.sessions:
            keys = _keys(Path(self.environ["AWS_SHARED_CREDENTIALS_FILE"]), profile)
            self.sessions[profile] = boto3.Session(*keys, region_name="us-west-2")
        return self.sessions[profile].client(service, endpoint_url=self.server.endpoint)

    def trust(self, name: str = "foo_bar", profile: str = "account_a") -> dict[str, Any]:
        """The only statement of a role's trust policy in IAM."""
        role = self.client("iam", profile).get_role(RoleName=name)["Role"]
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        return statement

    def trusted(self, name: str = "foo_bar", profile: str = "account_a") -> list[str]:
        """The principals of a role's trust policy, sorted."""
        principals = self.trust(name, profile)["Principal"]["AWS"]
        return sorted([principals] if isinstance(principals, str) else principals)

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """The log of API calls, starting with line `since`."""
        return [json.loads(line) for line in self.log.read_text().splitlines()[since:]]

    def trust_writes(self, since: int = 0, role: str = "foo_bar") -> list[str]:
        """The actions since line `since` that created or deleted a role or changed its trust policy."""
        actions = ("CreateRole", "UpdateAssumeRolePolicy", "DeleteRole")
        found = (c for c in self.calls(since) if c["action"] in actions and c["status"] < 400)
        return [c["action"] for c in found if c["resource"].endswith(f"/{role}")]

    def writes(self, since: int = 0) -> list[str]:
        """The successful actions since line `since` that did not only read."""
        reading = ("Get", "List", "Describe", "Head", "Lookup", "AssumeRole")
        return [c["action"] for c in self.calls(since) if not c["action"].startswith(reading) and c["status"] < 400]


def _keys(credentials: Path, profile: str) -> tuple[str, str]:
    lines = credentials.read_text().split(f"[{profile}]")[1].split("[")[0].splitlines()
    values = dict(line.split(" = ", 1) if " = " in line else line.split("=", 1) for line in lines if "=" in line)
    return values["aws_access_key_id"], values["aws_secret_access_key"]


def use_buckets(world: World) -> None:
    """Keep the states of a project in a bucket of each account."""
    with (world.project / "tfdriver.yaml").open("a") as spec:
        spec.write('state: {backend: s3, bucket: "our-states-{account_id}", key: "{composition}"}\n')
    place = {"LocationConstraint": "us-west-2"}
    for account, number in (("account_a", "111111111111"), ("account_b", "222222222222")):
        world.client("s3", account).create_bucket(Bucket=f"our-states-{number}", CreateBucketConfiguration=place)


@pytest.fixture(autouse=True)
def plain_terraform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the provider proxy off for the commands of a test marked `plain_terraform`."""
    if request.node.get_closest_marker("plain_terraform"):
        monkeypatch.setenv("TFDRIVER_PROXY", "0")


@pytest.fixture
def small_world(tmp_path: Path) -> Iterator[World]:
    """A project of two roles and a table, which is quick to apply, in a sandbox."""
    yield from make_world(copy_small(tmp_path), tmp_path)


@pytest.fixture
def small_world_with_a_fault(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """The same with the fault `request.param`, see `first_call_faults`."""
    yield from make_world(copy_small(tmp_path), tmp_path, first_call_faults(tmp_path, request.param))


def first_call_faults(folder: Path, fault: Mapping[str, Any]) -> Path:
    """Write a fault at its first call, which creates the file `reached` and waits for `go`."""
    faults = folder / "faults.json"
    held = {"nth": 1, "touch": str(folder / "reached"), "wait_for": str(folder / "go")}
    faults.write_text(json.dumps({"faults": [fault | held]}))
    return faults


def copy_small(folder: Path) -> Path:
    project = folder / "project"
    shutil.copytree(SMALL, project)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project."""
    folder = tmp_path / "foo-bar"
    init(folder)
    return folder


@pytest.fixture
def world(project: Path, tmp_path: Path) -> Iterator[World]:
    """A new project in a sandbox."""
    yield from make_world(project, tmp_path)


def make_world(project: Path, tmp_path: Path, faults: Path | None = None) -> Iterator[World]:
    """Yield a world for an existing project."""
    spec = load_spec(project, regions=known_regions, profile_region=lambda _: None)
    log = tmp_path / "calls.jsonl"
    home = tmp_path / "home"
    home.mkdir()
    with start.start(list(spec.accounts.values()), log=log, faults=faults) as server:
        environ = child_environment(server, light_environ() | {"HOME": str(home)})
        environ |= terraform_for_shells(environ, tmp_path)
        yield World(project, server, environ, log)


REQUIRED = """\
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}
"""


@cache
def light_mirror() -> tempfile.TemporaryDirectory[str]:
    """A folder, deleted with the process, whose `mirror` has a script that starts the AWS provider.

    `terraform init` hashes the provider's 700 MB in each new project, which takes a second, but a script in no time.
    The provider itself is installed once.
    """
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name)
    (path / "main.tf").write_text(REQUIRED)
    environment = terraform_environment(os.environ, cli_config(os.environ, path))
    command = [*find_program(os.environ).argv, "init", "-input=false", "-no-color"]
    done = subprocess.run(command, cwd=path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = path / ".terraform/providers"
    (binary,) = (b for address in PROVIDERS for b in (installed / address).glob("*/*/terraform-provider-aws_v*"))
    script = path / "mirror" / binary.relative_to(installed)
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nexec {quote(str(binary.resolve()))} "$@"\n')
    script.chmod(0o755)
    return folder


def light_environ() -> dict[str, str]:
    """The environment of commands that run Terraform: without the user's settings, with the light mirror."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "PYTEST_"))}
    kept["TFDRIVER_PLUGIN_DIR"] = f"{light_mirror().name}/mirror"
    # Less garbage collection: Terraform and its provider use less CPU time. One cache of the provider's schema for all
    # tests: each test has a HOME of its own.
    return {"GOGC": "400", "XDG_CACHE_HOME": f"{tempfile.gettempdir()}/tfdriver-tests-{os.geteuid()}"} | kept
