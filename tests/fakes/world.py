"""A world of IAM roles in a file, which the fake AWS reads and the fake Terraform changes."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Any

from tfdriver.aws.calls import AwsError, Caller
from tfdriver.clock import Clock
from tfdriver.deploy.backend_locks import HeldLock
from tfdriver.deploy.move_state import StateMove
from tfdriver.deploy.plan_view import Planned
from tfdriver.deploy.session import Options, Session, Tools, open_session
from tfdriver.deploy.up import up
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.interrupts import Interrupts
from tfdriver.project.init import init
from tfdriver.project.selection import Selection
from tfdriver.spec.model import Account
from tfdriver.terraform.events import Event

SERVER = Path(__file__).with_name("terraform_server.py")
# The shell answers `init`, `version` and `show`, the most frequent commands, and the server of this process the others.
# A command that has no exit code was killed.
_PROGRAM = """\
#!/bin/sh
echo "$1 ${{PWD##*/}}" >> "$HOME/calls"
case "$1" in
  init) [ -f backend.tf ] || exit 0 ;;
  show) exec /bin/cat "$3" ;;
  version)
    IFS= read -r world < "$HOME/world.json"
    case "$world" in *'"version"'*) ;; *) echo '{{"terraform_version": "1.99.0"}}'; exit 0 ;; esac ;;
esac
[ -p {requests} ] || exit 1
out="$HOME.$$" IFS='\t'
/usr/bin/mkfifo "$out"
printf '%s\\n' "$out\t$HOME\t$PWD\t$*" > {requests}
/bin/cat "$out"
read -r code < "$out.code" || kill -KILL $$
exit "$code"
"""


@cache
def _server() -> tuple[tempfile.TemporaryDirectory[str], subprocess.Popen[bytes]]:
    """Start the server of this process; its folder has the FIFO `requests`."""
    folder = tempfile.TemporaryDirectory()
    requests = f"{folder.name}/requests"
    os.mkfifo(requests)
    server = [sys.executable, "-I", "-S", str(SERVER), requests]
    return folder, subprocess.Popen(server, stdin=subprocess.PIPE)


class World:
    """The file. roles: name, account, trust policy, unique id and tags, by ARN."""

    def __init__(self, home: Path) -> None:
        self.path = home / "world.json"
        self._calls = home / "calls"
        if not self.path.exists():
            self.forget_calls()
            self._write({"roles": {}})

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())

    def change(self, do: Callable[[dict[str, Any]], Any]) -> None:
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            data = self.data
            do(data)
            self._write(data)

    def _write(self, data: dict[str, Any]) -> None:
        """Replace the file atomically: the fake Terraform may read it."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(data))
        new.replace(self.path)

    def trust(self, name: str) -> dict[str, Any]:
        return next(r["trust"] for r in self.data["roles"].values() if r["name"] == name)

    def calls(self) -> list[list[str]]:
        """Command and folder of each run of the fake Terraform."""
        return [line.split(" ", 1) for line in self._calls.read_text().splitlines()]

    def forget_calls(self) -> None:
        self._calls.write_text("")


@dataclass
class FakeAws:
    """A fake of `client.Aws` that reads the world. callers: account id by profile, if it differs from the spec's."""

    world: World
    callers: dict[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)

    def caller(self, account: Account) -> Caller:
        found = self.callers.get(account.profile, account.id)
        return Caller(found, f"arn:aws:iam::{found}:user/admin")

    def read_role(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        if name in self.unreadable:
            return Unreadable("AccessDenied")
        for arn, role in self.world.data["roles"].items():
            if role["name"] == name and role["account"] == account.id:
                created = datetime.fromisoformat(role["created"]) if "created" in role else None
                return LiveRole(arn, role["id"], role["trust"], role["tags"], created)
        return None

    def call(self, account: Account, service: str, ask: Callable[[Any], Any]) -> Any:
        if service == "cloudtrail":
            raise AwsError("cloudtrail:LookupEvents was refused", aws_code="AccessDenied")
        if service == "s3":
            return ask(FakeS3(self.world.data.get("locks", {})))
        assert service == "iam"
        return ask(FakeIam(self, account))


@dataclass
class FakeS3:
    """A fake of boto3's S3 client. locks: the text of the locks on the states, by key."""

    locks: dict[str, str]

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: ARG002, N803  # boto3's names
        """Return the lock on a state."""
        key = Key.removesuffix(".tflock")
        if key not in self.locks:
            raise AwsError("there is no such key", aws_code="NoSuchKey")
        return {"Body": io.BytesIO(self.locks[key].encode())}


@dataclass
class FakeIam:
    """A fake of boto3's IAM client."""

    aws: FakeAws
    account: Account

    def get_role(self, RoleName: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        found = self.aws.read_role(self.account, RoleName)
        if not isinstance(found, LiveRole):
            raise AwsError("there is no such role", aws_code="NoSuchEntity")
        policy = found.trust_policy
        return {
            "Role": {
                "Arn": found.arn,
                "AssumeRolePolicyDocument": policy,
                "Tags": [{"Key": k, "Value": v} for k, v in found.tags.items()],
            }
        }

    def create_role(self, RoleName: str, AssumeRolePolicyDocument: str) -> None:  # noqa: N803  # boto3's names
        """Create a role without tags."""
        arn = f"arn:aws:iam::{self.account.id}:role/{RoleName}"
        role = {"name": RoleName, "account": self.account.id, "trust": json.loads(AssumeRolePolicyDocument)}
        self.aws.world.change(lambda data: data["roles"].update({arn: role | {"id": "AROANAMESAKE", "tags": {}}}))

    def update_assume_role_policy(self, RoleName: str, PolicyDocument: str) -> None:  # noqa: N803  # boto3's names
        """Write a trust policy, and keep its text."""

        def write(data: dict[str, Any]) -> None:
            (role,) = (r for r in data["roles"].values() if r["name"] == RoleName)
            role |= {"trust": json.loads(PolicyDocument), "text": PolicyDocument}
            data.setdefault("restored", []).append(RoleName)

        self.aws.world.change(write)

    def delete_role(self, RoleName: str) -> None:  # noqa: N803  # boto3's name
        """Delete a role."""
        arn = f"arn:aws:iam::{self.account.id}:role/{RoleName}"
        self.aws.world.change(lambda data: data["roles"].pop(arn))

    def attach_role_policy(self, **_names: str) -> None:
        """Do nothing: the fake AWS does not evaluate permissions."""

    def list_attached_role_policies(self, **_names: str) -> dict[str, Any]:
        """Return no policies: `attach_role_policy` keeps none."""
        return {"AttachedPolicies": []}

    def get_paginator(self, operation: str) -> FakeIam:
        self._key = {"list_attached_role_policies": "AttachedPolicies", "list_role_policies": "PolicyNames"}[operation]
        return self

    def paginate(self, RoleName: str) -> list[dict[str, Any]]:  # noqa: N803  # boto3's name
        """Return no policies: the fake Terraform attaches none."""
        self.get_role(RoleName)
        return [{self._key: []}]

    def get_role_policy(self, RoleName: str, PolicyName: str) -> dict[str, Any]:  # noqa: N803  # boto3's names
        roles = self.aws.world.data["roles"].values()
        found = next((r for r in roles if (r["name"], r["account"]) == (RoleName, self.account.id)), {})
        if PolicyName != "AWSRevokeOlderSessions" or not found.get("revoked"):
            raise AwsError("there is no such policy", aws_code="NoSuchEntity")
        condition = {"DateLessThan": {"aws:TokenIssueTime": found["revoked"]}}
        statement = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": condition}
        return {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


@dataclass
class Lines:
    """A progress that keeps the reported lines."""

    said: list[str] = field(default_factory=list)

    def phase(self, title: str) -> None:
        self.said.append(title)

    def started(self, name: str, action: str) -> None:
        self.said.append(f"{action} {name}")

    def event(self, name: str, event: Event) -> None:
        pass

    def ended(self, name: str, action: str, seconds: float, result: str = "") -> None:
        pass

    def failed(self, name: str, action: str, _seconds: float) -> None:
        self.said.append(f"{action} {name} failed")

    def note(self, text: str) -> None:
        self.said.append(text)


class FakeClock:
    """A clock that advances only by `sleep`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def clock(self) -> Clock:
        return Clock(self.now, lambda: self.seconds, self.sleep)


@dataclass
class Stage:
    """A project in a fake world. `session` opens it as a command does. moves: the states that were moved.

    selection: the accounts that the commands cover; unlocks: the locks that were removed, None to refuse that.
    """

    project: Path
    world: World
    aws: FakeAws
    environ: dict[str, str]
    time: FakeClock = field(default_factory=FakeClock)
    progress: Lines = field(default_factory=Lines)
    interrupts: Interrupts = field(default_factory=Interrupts)
    parallelism: int = 2
    moves: list[tuple[StateMove, ...]] = field(default_factory=list)
    selection: Selection = field(default_factory=Selection)
    lock_timeout: float = 0
    unlocks: list[Sequence[HeldLock]] | None = None

    @property
    def tools(self) -> Tools:
        return Tools(self.environ, self.progress, self.interrupts, self.aws, self.time.clock())

    @contextmanager
    def session(self, command: str = "up", *, adopt: bool = False):
        moves = self.moves.append if command == "up" else None
        options = Options(
            self.project,
            lint=True,
            adopt=adopt,
            parallelism=self.parallelism,
            confirm_moves=moves,
            selection=self.selection,
            lock_timeout=self.lock_timeout,
            confirm_unlock=None if self.unlocks is None or command == "plan" else self.unlocks.append,
        )
        with open_session(command, options, self.tools) as session:
            yield session

    def run(
        self,
        command: Callable[..., Any],
        *,
        adopt: bool = False,
        confirm: Callable[[Planned], Any] = lambda _: False,
        **options: Any,
    ) -> Any:
        """Run a command. confirm: see `preview.Confirm`; by default nobody is asked."""
        name = command.__name__ if command.__name__ in ("up", "tighten", "destroy") else "up"
        with self.session(name, adopt=adopt) as session:
            return command(session, confirm, **options)

    def after_up(self, *, tighten: bool = True) -> None:
        """Put a new project into the state after `up`: a copy of one `up` of this process, which takes less time."""
        _, done = _after_up(
            tighten, "state:" in (self.project / "tfdriver.yaml").read_text(), self.environ.get("AWS_ENDPOINT_URL")
        )
        shutil.copytree(done.project / "compositions", self.project / "compositions")
        shutil.copytree(done.world.path.parent, self.world.path.parent, dirs_exist_ok=True)
        self.time.seconds = done.time.seconds
        self.progress.said.extend(done.progress.said)


@cache
def _after_up(tighten: bool, backend: bool, endpoint: str | None) -> tuple[tempfile.TemporaryDirectory[str], Stage]:
    """Return a stage after `up`, and its folder, which is deleted with the process."""
    folder = tempfile.TemporaryDirectory()
    project = Path(folder.name) / "foo-bar"
    new_project(project)
    stage = make_stage(project, Path(folder.name) / "home")
    if backend:
        use_backend(stage)
    if endpoint:
        stage.environ["AWS_ENDPOINT_URL"] = endpoint
    stage.run(up, tighten=tighten)
    return folder, stage


@cache
def _project() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    init(Path(folder.name) / "foo-bar")
    return folder


def new_project(folder: Path) -> None:
    """Create the project `foo-bar` in a new folder: a copy of one `init`, which waits for the disk after each file."""
    shutil.copytree(Path(_project().name) / "foo-bar", folder)


def use_backend(stage: Stage) -> None:
    """Give a project a backend; the fake Terraform keeps its states in the home folder."""
    with (stage.project / "tfdriver.yaml").open("a") as spec:
        spec.write('state: {backend: s3, bucket: b, key: "{composition}"}\n')


def make_stage(project: Path, home: Path) -> Stage:
    """Return a stage for an existing project."""
    home.mkdir(exist_ok=True)
    program = home / "terraform"
    if not program.exists():  # two processes may use one home, and the server of the first one ends later
        program.write_text(_PROGRAM.format(requests=quote(f"{_server()[0].name}/requests")))
        program.chmod(0o755)
    world = World(home)
    (home / ".terraformrc").touch()  # otherwise tfdriver searches this machine for a mirror
    environ = {"HOME": str(home), "TFDRIVER_TERRAFORM": str(program), "PATH": "/usr/bin:/bin"}
    environ["TFDRIVER_PROXY"] = "0"  # the fake Terraform needs no provider
    return Stage(project, world, FakeAws(world), environ)


__all__ = ["FakeAws", "Session", "Stage", "World", "make_stage", "new_project", "use_backend"]
