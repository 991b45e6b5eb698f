"""Running Terraform in a provider host, with programs that stand in for Terraform and the provider."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import tests.fakes.provider as fake_provider
from tests.unit.terraform.protobuf import entry
from tests.unit.terraform.test_installed_provider import ADDRESS, installed
from tfdriver.interrupts import Interrupts
from tfdriver.terraform.process import Job, run_program
from tfdriver.terraform.provider_host import ProxyFailedError
from tfdriver.terraform.provider_hosts import ProviderHosts, proxy_wanted

ROLE, VPC, QUEUE = (entry(2, name, name.encode()) for name in ("aws_iam_role", "aws_vpc", "aws_sqs_queue"))

# Stands in for Terraform: prints its process id and the length of the schema, then does what the test says.
TERRAFORM = f"""
import grpc, json, os, signal, sys, time
((address, config),) = json.loads(os.environ["TF_REATTACH_PROVIDERS"]).items()
assert address == {ADDRESS!r} and config["ProtocolVersion"] == 5
channel = grpc.insecure_channel("unix:" + config["Addr"]["String"])
schema = channel.unary_unary("/tfplugin5.Provider/GetSchema")(b"", timeout=20)
print(os.getpid(), len(schema), flush=True)
"""


class Scene:
    """A composition with an installed provider."""

    def __init__(self, folder: Path, limit: int = 4, **environment: str) -> None:
        self.folder = folder / "compositions" / "a"
        self.folder.mkdir(parents=True)
        provider = installed(self.folder)
        provider.write_text(f"#!/bin/sh\nexec {sys.executable} {fake_provider.__file__}\n")
        (self.folder / "main.tf").write_text('resource "aws_iam_role" "a" {}')
        (folder / "schema").write_bytes(ROLE + VPC + QUEUE)
        self.starts = folder / "starts"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "FAKE_SCHEMA": str(folder / "schema"),
            "FAKE_STARTS": str(self.starts),
            **environment,
        }
        self.notes: list[str] = []
        self.hosts = ProviderHosts(self.environment, limit, self.notes.append)
        self.interrupts = Interrupts()
        self.lines: list[str] = []

    def job(self, code: str = "", **fields) -> Job:
        argv = [sys.executable, "-c", TERRAFORM + code]
        return Job(argv, self.folder, self.environment, self.folder / "out.jsonl", **fields)

    def run(self, code: str = "", on_line=None, **fields):
        start = self.hosts.start(self.folder, lambda: b'{"type": "aws_sqs_queue"}')
        assert start is not None
        on_line = on_line or self.lines.append
        return run_program(self.job(code, **fields), on_line, self.interrupts, start=start)

    @property
    def providers(self) -> list[int]:
        return [int(line) for line in self.starts.read_text().split()] if self.starts.exists() else []


@pytest.fixture
def scene(short_tmp):
    scene = Scene(short_tmp)
    yield scene
    scene.hosts.close()


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; the first thread of a killed one may end before the others."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def test_terraform_sees_the_types_of_configuration_and_state(scene):
    finished = scene.run("sys.stderr.write('oops'); sys.exit(3)")

    assert scene.lines[0].split()[1] == str(len(ROLE + QUEUE))
    assert (finished.code, finished.stderr, finished.interrupted) == (3, "oops", False)
    assert (scene.folder / "out.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_provider_starts_once_and_ends_with_the_run(scene):
    for _ in range(3):
        assert scene.run().code == 0
    (provider,) = scene.providers
    assert alive(provider)

    scene.hosts.close()

    assert not alive(provider)


def test_a_host_may_start_before_it_is_needed(scene):
    scene.hosts.warm_up(scene.folder, ())
    scene.hosts.warm_up(scene.folder, ())

    assert scene.run().code == 0
    assert len(scene.providers) == 1


def test_a_host_beyond_the_limit_serves_another_composition_with_a_new_provider(short_tmp):
    scene = Scene(short_tmp, limit=1)
    scene.run("print(os.getppid(), os.getcwd())")
    other = scene.folder.with_name("b")
    shutil.copytree(scene.folder, other)
    scene.folder = other

    scene.run("print(os.getppid(), os.getcwd())")

    (host, first), (same_host, second) = (line.split() for line in scene.lines if str(short_tmp) in line)
    assert (same_host, Path(first).name, Path(second).name) == (host, "a", "b")
    assert not alive(scene.providers[0])
    assert alive(scene.providers[1])
    scene.hosts.close()


def test_a_request_to_stop_reaches_terraform_and_the_next_command_has_a_new_provider(scene):
    def on_line(line: str) -> None:
        scene.lines.append(line)
        if line == "ready":
            scene.interrupts.request()

    code = """if True:
        signal.signal(signal.SIGINT, lambda *_: (print("stopped", flush=True), sys.exit(1)))
        print("ready", flush=True)
        time.sleep(60)
    """
    finished = scene.run(code, on_line)

    assert (finished.interrupted, finished.code, scene.lines[-1]) == (True, 1, "stopped")
    scene.interrupts = Interrupts()
    assert scene.run().code == 0
    assert len(scene.providers) == 2


def test_a_killed_terraform_takes_its_group_and_its_provider_with_it(scene):
    code = """if True:
        import subprocess
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    finished = scene.run(code)

    assert finished.code == -signal.SIGKILL
    wait_until(lambda: not alive(int(scene.lines[-1])))
    assert not alive(scene.providers[0])
    assert scene.run().code == 0


def test_a_provider_that_died_is_started_again(scene):
    scene.run()
    os.kill(scene.providers[0], signal.SIGKILL)
    wait_until(lambda: not alive(scene.providers[0]))

    assert scene.run().code == 0
    assert len(scene.providers) == 2


def test_terraform_inherits_the_lock(scene, tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        finished = scene.run(f"os.fstat({lock.fileno()})", keep_open=(lock.fileno(),))
    assert finished.code == 0


def test_if_the_host_is_killed_the_run_waits_for_terraform(scene):
    def on_line(line: str) -> None:
        scene.lines.append(line)
        if line.startswith("host "):
            os.kill(int(line.removeprefix("host ")), signal.SIGKILL)

    code = """if True:
        print("host", os.getppid(), flush=True)
        try:
            while True:
                channel.unary_unary("/tfplugin5.Provider/Any")(b"", timeout=5)
        except grpc.RpcError:
            pass
        time.sleep(0.5)
        print("saved", flush=True)
    """
    finished = scene.run(code, on_line)

    assert scene.lines[-1] == "saved"
    assert finished.code == -signal.SIGKILL
    wait_until(lambda: not alive(scene.providers[0]))
    assert scene.run().code == 0


def test_a_host_that_is_killed_while_it_is_idle_leaves_nothing(scene):
    scene.run()
    host = psutil.Process(scene.providers[0]).ppid()
    os.kill(host, signal.SIGKILL)
    wait_until(lambda: not alive(host))

    assert scene.run().code == 0

    assert scene.notes == []
    scene.hosts.close()
    assert not any(alive(provider) for provider in scene.providers)


def test_a_driver_that_is_killed_takes_nothing_with_it(scene, tmp_path):
    done = tmp_path / "done"
    code = f"time.sleep(1); channel.unary_unary('/tfplugin5.Provider/Any')(b'', timeout=5); open({str(done)!r}, 'w')"
    driver = """if True:
        import json, sys
        from pathlib import Path
        from tfdriver.interrupts import Interrupts
        from tfdriver.terraform.process import Job, run_program
        from tfdriver.terraform.provider_hosts import ProviderHosts
        environment = json.loads(sys.argv[1])
        folder = Path(sys.argv[2])
        start = ProviderHosts(environment, 4, print).start(folder, lambda: b"")
        job = Job(json.loads(sys.argv[3]), folder, environment, folder / "out.jsonl")
        run_program(job, lambda line: print(line, flush=True), Interrupts(), start=start)
    """
    arguments = [json.dumps(scene.environment), str(scene.folder), json.dumps(list(scene.job(code).argv))]
    process = subprocess.Popen([sys.executable, "-c", driver, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline()

    process.kill()
    process.wait()

    wait_until(done.exists)
    wait_until(lambda: not alive(scene.providers[0]))


@pytest.mark.parametrize("handshake", ["1|6|unix|/x|grpc|\n", "1|5|tcp|127.0.0.1:1|grpc|\n", "help\n"])
def test_a_provider_with_another_protocol_is_not_used(short_tmp, handshake):
    scene = Scene(short_tmp, FAKE_HANDSHAKE=handshake)

    with pytest.raises(ProxyFailedError, match="did not start as expected"):
        scene.run()

    wait_until(lambda: not alive(scene.providers[0]))
    scene.hosts.close()


def test_a_composition_that_was_refused_does_not_use_the_proxy(scene):
    scene.hosts.refuse(scene.folder, "why")

    assert scene.hosts.start(scene.folder, lambda: b"") is None
    assert scene.notes == ["a: Terraform runs without the provider proxy: why"]


def test_without_an_installed_provider_the_proxy_is_not_used(scene):
    (scene.folder / ".terraform.lock.hcl").unlink()
    assert scene.hosts.start(scene.folder, lambda: b"") is None


def test_sockets_are_private_short_and_removed(short_tmp):
    long_name = short_tmp / ("x" * 90)
    long_name.mkdir()
    scene = Scene(short_tmp, TMPDIR=str(long_name))
    code = """if True:
        path = config["Addr"]["String"]
        print(len(path) < 100, oct(os.stat(os.path.dirname(path)).st_mode & 0o777), os.path.dirname(path), flush=True)
    """
    scene.run(code)

    short, mode, folder = scene.lines[-1].split()
    assert (short, mode) == ("True", "0o700")
    scene.hosts.close()
    assert not Path(folder).exists()


def test_the_proxy_is_off_by_variable_and_for_terraforms_log():
    assert proxy_wanted({})
    assert not proxy_wanted({"TFDRIVER_PROXY": "0"})
    assert not proxy_wanted({"TF_LOG": "DEBUG"})
