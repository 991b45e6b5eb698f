"""Starting the sandbox, running a command in it, ending it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, World, admin, outcome, policy, trust, zipped
from tfdriver.errors import TfdriverError
from tfdriver.sandbox.command import child_environment, default_command, run_command
from tfdriver.sandbox.run import start
from tfdriver.spec.model import Account

OTHER = Account("other", "212121212121", "default", "us-west-2", "aws")
PYTHON = {"PATH": os.environ["PATH"]}


def test_a_command_finds_its_profiles_and_nothing_of_the_host(world: World, tmp_path: Path) -> None:
    code = """
import boto3, json, os, sys
arns = [boto3.Session(profile_name=p).client("sts").get_caller_identity()["Arn"] for p in sys.argv[2:]]
regions = [boto3.Session(profile_name=p).region_name for p in sys.argv[2:]]
json.dump([arns, regions, sorted(n for n in os.environ if n.startswith("AWS_"))], open(sys.argv[1], "w"))
"""
    out = tmp_path / "out"
    hostile = PYTHON | {
        "AWS_PROFILE": "x",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    command = [sys.executable, "-c", code, str(out), TRUSTING.profile, TRUSTED.profile]
    assert run_command(world.sandbox, command, environment=hostile) == 0
    arns, regions, names = json.loads(out.read_text())
    assert arns == [f"arn:aws:iam::{account.id}:user/admin" for account in (TRUSTING, TRUSTED)]
    assert regions == [TRUSTING.region, TRUSTED.region]
    assert set(names) == {name for name in world.sandbox.environment if name.startswith("AWS_")}


def test_what_the_caller_adds_reaches_the_command(world: World) -> None:
    environment = child_environment(world.sandbox, {"TF_CLI_CONFIG_FILE": "rc", "NO_PROXY": "a.example"})
    assert environment["TF_CLI_CONFIG_FILE"] == "rc"
    assert environment["NO_PROXY"] == "a.example,127.0.0.1"
    assert environment["TFDRIVER_SANDBOX"] == "1"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("raise SystemExit(3)", 3), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL)],
)
def test_the_commands_exit_code_is_passed_on(world: World, code: str, expected: int) -> None:
    assert run_command(world.sandbox, [sys.executable, "-c", code], environment=PYTHON) == expected


def test_a_missing_command_is_an_error(world: World) -> None:
    with pytest.raises(TfdriverError, match="cannot run no-such-program: No such file"):
        run_command(world.sandbox, ["no-such-program"], environment=PYTHON)


def test_without_a_command_it_is_the_shell() -> None:
    assert default_command({"SHELL": "/bin/zsh"}) == ["/bin/zsh"]
    assert default_command({}) == ["/bin/sh"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_reach_the_command(world: World, tmp_path: Path, number: signal.Signals) -> None:
    ready, got = tmp_path / "ready", tmp_path / "got"
    code = f"""
import pathlib, signal, sys, time
def handler(number, frame):
    pathlib.Path({str(got)!r}).write_text(str(int(number)))
    sys.exit(7)
signal.signal({int(number)}, handler)
pathlib.Path({str(ready)!r}).touch()
time.sleep(20)
"""

    def send() -> None:
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()
    before = signal.getsignal(number)
    assert run_command(world.sandbox, [sys.executable, "-c", code], environment=PYTHON) == 7
    assert got.read_text() == str(int(number))
    assert signal.getsignal(number) is before


def test_the_files_are_private_and_everything_is_gone_afterwards() -> None:
    with start([OTHER]) as sandbox:
        files = [Path(sandbox.environment[name]) for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
        assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
        assert "[default]" in files[0].read_text()
        port = int(sandbox.endpoint.rpartition(":")[2])
    assert not files[0].parent.exists()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def test_nothing_is_left_for_the_next_sandbox() -> None:
    for _ in range(2):
        with start([OTHER]) as sandbox:
            iam = admin(sandbox, OTHER).client("iam")
            assert iam.list_roles()["Roles"] == []
            iam.create_role(RoleName="left-over", AssumeRolePolicyDocument=policy(trust(OTHER.id)))


def test_code_that_still_runs_ends_with_the_sandbox(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, time
def handler(event, context):
    pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
    time.sleep(60)
"""
    with start([OTHER]) as sandbox:
        other = admin(sandbox, OTHER)
        role = other.client("iam").create_role(
            RoleName="role", AssumeRolePolicyDocument=policy(trust({"Service": "lambda.amazonaws.com"}))
        )
        settings = {
            "Runtime": "python3.13",
            "Handler": "main.handler",
            "Timeout": 100,
            "Code": {"ZipFile": zipped(code)},
        }
        client = other.client("lambda")
        client.create_function(FunctionName="slow", Role=role["Role"]["Arn"], **settings)
        client.invoke(FunctionName="slow", InvocationType="Event")
        started = time.monotonic()
        while not list(tmp_path.glob("pid")) or not (tmp_path / "pid").read_text():
            assert time.monotonic() < started + 30
            time.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_account_is_in_one_sandbox_at_a_time() -> None:
    with start([OTHER]), pytest.raises(TfdriverError, match=OTHER.id), start([OTHER]):
        pass


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TfdriverError, match=f"cannot listen on port {port}"), start([OTHER], port=port):
            pass


def test_many_at_once(world: World) -> None:
    """Parallel writes of several clients, as Terraform makes them, all arrive."""
    names = [world.name("parallel") for _ in range(40)]
    seen: list[str] = []

    def create(name: str) -> None:
        seen.append(outcome(world.role, world.trusting, trust(TRUSTED.id), name=name))

    threads = [threading.Thread(target=create, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["allowed"] * len(names)
    there = {role["RoleName"] for role in world.trusting.client("iam").list_roles(MaxItems=1000)["Roles"]}
    assert set(names) <= there


def test_without_moto_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "moto.py").write_text("raise ImportError('No module named moto', name='moto')")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from tfdriver.errors import TfdriverError
from tfdriver.sandbox.run import start
try:
    with start([]): pass
except TfdriverError as error:
    print(error)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    assert "pip install 'tfdriver[sandbox]'" in done.stdout, done.stderr


def test_it_prints_nothing(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    outcome(world.trusting.client("iam").list_roles)
    outcome(world.trusting.client("iam").get_role, RoleName="not-there")
    assert capfd.readouterr() == ("", "")


def test_buckets_are_gone_with_their_sandbox() -> None:
    for _ in range(2):
        with start([OTHER]) as sandbox:
            s3 = admin(sandbox, OTHER).client("s3")
            assert s3.list_buckets()["Buckets"] == []
            s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
