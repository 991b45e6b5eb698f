"""Starting the sandbox, running commands in it, ending it."""

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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, World, admin, outcome, policy, trust, zipped
from tfdriver.errors import TfdriverError
from tfdriver.sandbox.run_command import child_environment, default_command, run_command
from tfdriver.sandbox.start import start
from tfdriver.spec.model import Account

OTHER = Account(name="other", id="212121212121", profile="default", region="us-west-2", partition="aws")
PYTHON = {"PATH": os.environ["PATH"]}


def test_a_command_uses_the_sandboxs_profiles_and_ignores_the_hosts(world: World, tmp_path: Path) -> None:
    code = """
import boto3, json, os, sys
arns = [boto3.Session(profile_name=p).client("sts").get_caller_identity()["Arn"] for p in sys.argv[2:]]
regions = [boto3.Session(profile_name=p).region_name for p in sys.argv[2:]]
json.dump([arns, regions, sorted(n for n in os.environ if n.startswith("AWS_"))], open(sys.argv[1], "w"))
"""
    out = tmp_path / "out"
    environment = PYTHON | {
        "AWS_PROFILE": "x",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    command = [sys.executable, "-c", code, str(out), TRUSTING.profile, TRUSTED.profile]

    assert run_command(world.sandbox, command, environment=environment) == 0

    arns, regions, names = json.loads(out.read_text())
    assert arns == [f"arn:aws:iam::{account.id}:user/admin" for account in (TRUSTING, TRUSTED)]
    assert regions == [TRUSTING.region, TRUSTED.region]
    assert set(names) == {name for name in world.sandbox.environment if name.startswith("AWS_")}


def test_a_command_inherits_other_variables(world: World) -> None:
    environment = child_environment(world.sandbox, {"TF_CLI_CONFIG_FILE": "rc", "NO_PROXY": "a.example"})

    assert environment["TF_CLI_CONFIG_FILE"] == "rc"
    assert environment["NO_PROXY"] == "a.example,127.0.0.1"
    assert environment["TFDRIVER_SANDBOX"] == "1"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("raise SystemExit(3)", 3), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL)],
)
def test_the_commands_exit_code_is_returned(world: World, code: str, expected: int) -> None:
    assert run_command(world.sandbox, [sys.executable, "-c", code], environment=PYTHON) == expected


def test_a_missing_command_is_an_error(world: World) -> None:
    with pytest.raises(TfdriverError, match="cannot run no-such-program: No such file"):
        run_command(world.sandbox, ["no-such-program"], environment=PYTHON)


def test_the_default_command_is_the_shell() -> None:
    assert default_command({"SHELL": "/bin/zsh"}) == ["/bin/zsh"]
    assert default_command({}) == ["/bin/sh"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_are_forwarded_to_the_command(world: World, tmp_path: Path, number: signal.Signals) -> None:
    ready, received = tmp_path / "ready", tmp_path / "received"
    code = f"""
import pathlib, signal, sys, time
def handler(number, frame):
    pathlib.Path({str(received)!r}).write_text(str(int(number)))
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
    handler = signal.getsignal(number)

    assert run_command(world.sandbox, [sys.executable, "-c", code], environment=PYTHON) == 7

    assert received.read_text() == str(int(number))
    assert signal.getsignal(number) is handler


def test_the_files_are_private_and_deleted_at_the_end() -> None:
    with start([OTHER]) as sandbox:
        files = [Path(sandbox.environment[name]) for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
        assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
        assert "[default]" in files[0].read_text()
        port = int(sandbox.endpoint.rpartition(":")[2])

    assert not files[0].parent.exists()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def test_roles_are_deleted_with_their_sandbox() -> None:
    for _ in range(2):
        with start([OTHER]) as sandbox:
            iam = admin(sandbox, OTHER).client("iam")
            assert iam.list_roles()["Roles"] == []
            iam.create_role(RoleName="left-over", AssumeRolePolicyDocument=policy(trust(OTHER.id)))


def test_running_functions_end_with_the_sandbox(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, time
def handler(event, context):
    pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
    time.sleep(60)
"""
    with start([OTHER]) as sandbox:
        caller = admin(sandbox, OTHER)
        role = caller.client("iam").create_role(
            RoleName="role", AssumeRolePolicyDocument=policy(trust({"Service": "lambda.amazonaws.com"}))
        )
        client = caller.client("lambda")
        client.create_function(
            FunctionName="slow",
            Role=role["Role"]["Arn"],
            Runtime="python3.13",
            Handler="main.handler",
            Timeout=100,
            Code={"ZipFile": zipped(code)},
        )
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


def test_two_sandboxes_cannot_share_an_account() -> None:
    with start([OTHER]), pytest.raises(TfdriverError, match=OTHER.id), start([OTHER]):
        pass


def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(TfdriverError, match=f"cannot listen on port {port}"), start([OTHER], port=port):
            pass


def test_parallel_calls_are_answered(world: World) -> None:
    names = [world.name("parallel") for _ in range(40)]

    def create(name: str) -> str:
        return outcome(world.role, world.trusting, trust(TRUSTED.id), name=name)

    with ThreadPoolExecutor(len(names)) as pool:
        outcomes = list(pool.map(create, names))

    assert outcomes == ["allowed"] * len(names)
    roles = world.trusting.client("iam").list_roles(MaxItems=1000)["Roles"]
    assert set(names) <= {role["RoleName"] for role in roles}


def test_without_moto_the_error_names_the_package_to_install(tmp_path: Path) -> None:
    (tmp_path / "moto.py").write_text("raise ImportError('No module named moto', name='moto')")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from tfdriver.errors import TfdriverError
from tfdriver.sandbox.start import start
try:
    with start([]): pass
except TfdriverError as error:
    print(error)
"""
    root = Path(__file__).parents[3]

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)

    assert "pip install 'tfdriver[sandbox]'" in done.stdout, done.stderr


def test_the_server_prints_nothing(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    outcome(world.trusting.client("iam").list_roles)
    outcome(world.trusting.client("iam").get_role, RoleName="not-there")

    assert capfd.readouterr() == ("", "")


def test_a_client_that_waits_for_it_gets_100_continue_before_the_body(world: World) -> None:
    host, port = world.sandbox.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")

        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")


def test_buckets_are_deleted_with_their_sandbox() -> None:
    for _ in range(2):
        with start([OTHER]) as sandbox:
            s3 = admin(sandbox, OTHER).client("s3")
            assert s3.list_buckets()["Buckets"] == []
            s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
