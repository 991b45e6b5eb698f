"""A project in a sandbox, at the start of a cell."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import contents, processes
from tests.faults.contents import Contents
from tests.integration.conftest import TFDRIVER, World, make_world

ENVIRONMENT_MARKER = "planted-in-the-environment-7c1d"
SECRET = "planted/secret+key/of/one/account/7c1d00"  # of the profiles; the sandbox checks only the key id
FULL_INIT = "full-init"  # while this file exists, `terraform init` is not skipped
PATIENCE = 240.0  # seconds until a run counts as hanging
_OPTIONS = {"up": ("--yes", "--no-verify"), "tighten": ("--yes",), "destroy": ("--yes",)}
_CLOCKED = Path(__file__).with_name("clocked.py")


@dataclass(frozen=True)
class Start:
    """The start of a cell. project: a folder to copy; contents: of the two accounts."""

    project: Path
    contents: Contents


@dataclass(frozen=True)
class Ended:
    """The end of a run. code: exit code, negative for the signal that killed it."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Its stdout and stderr on one line."""
        return " ".join((self.stdout + self.stderr).split())


class Run:
    """A run of tfdriver in a separate process. command: `up`, `tighten` or `destroy`."""

    def __init__(self, scene: Scene, command: str, *options: str, program: tuple[str, ...] = (str(TFDRIVER),)) -> None:
        self._files = [scene.folder / f"{name}-{len(scene.runs)}" for name in ("stdout", "stderr")]
        arguments = ["-C", str(scene.world.project), command, *_OPTIONS[command], *options]
        with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
            self.process = subprocess.Popen(
                [*program, *arguments],
                env=scene.world.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,  # a signal to the process group must not reach the test
            )
        scene.runs.append(self)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to tfdriver only."""
        self.process.send_signal(number)

    def wait(self) -> Ended:
        """Wait until the run ends. Raises TimeoutExpired."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return Ended(code, *(path.read_text() for path in self._files))


@dataclass
class Scene:
    """folder: for the files of the test; started: the contents of the accounts at the start, with bystanders."""

    world: World
    folder: Path
    started: Contents
    runs: list[Run] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The HOME that identifies the processes of this project."""
        return Path(self.world.environ["HOME"])

    def file(self, name: str) -> Path:
        """A file that synchronizes test and sandbox: `armed`, `made`, `reached`, `go`."""
        return self.folder / name

    def run(self, command: str, *options: str) -> Ended:
        """Run a command without a fault."""
        return Run(self, command, "--lock-timeout", "2m", *options).wait()

    def clocked(self, command: str, *options: str, ahead: float = 0, speed: float = 1) -> Run:
        """Start a command with a clock that jumps by `ahead` seconds when the file `go` appears, or runs faster."""
        program = (sys.executable, str(_CLOCKED), str(self.file("go")), str(ahead), str(speed))
        return Run(self, command, *options, program=program)

    def wait_for(self, name: str, run: Run) -> bool:
        """Wait until a file exists; return False if the run ends first."""
        end = time.monotonic() + PATIENCE
        while not self.file(name).exists():
            if run.process.poll() is not None or time.monotonic() > end:
                return self.file(name).exists()
            time.sleep(0.01)
        return True

    def secrets(self) -> dict[str, str]:
        """The secrets that must not be in any file or output."""
        return {"the environment's": ENVIRONMENT_MARKER, "the credentials'": SECRET}


@contextmanager
def opened(start: Start, folder: Path, rules: list[dict[str, Any]], project: Path | None = None) -> Iterator[Scene]:
    """Yield a sandbox with faults that has the contents of a start. project: where to copy the files."""
    project = project or folder / "project"
    shutil.copytree(start.project, project, symlinks=True, dirs_exist_ok=True)
    faults = folder / "faults.json"
    faults.write_text(json.dumps({"faults": rules}))
    for world in make_world(project, folder, faults):
        _plant(Path(world.environ["AWS_SHARED_CREDENTIALS_FILE"]))
        environ = {"PLANTED_SECRET": ENVIRONMENT_MARKER, "TFDRIVER_TERRAFORM": str(_light_terraform(folder, world))}
        world.environ.update(environ)
        contents.create(world, start.contents)
        scene = Scene(world, folder, contents.read(world))
        _name_ids(project, start.contents, scene.started)
        try:
            yield scene
        finally:
            _end(scene)


def _name_ids(project: Path, before: Contents, now: Contents) -> None:
    """Replace the unique ids of the roles in the states by the current ones."""
    ids = {what["id"]: now[key]["id"] for key, what in before.items() if key[1] == "role"}
    for state in project.glob("compositions/*/**/*tfstate*"):
        if state.is_file() and ".terraform" not in state.parts:
            text = state.read_text()
            for old, new in ids.items():
                text = text.replace(old, new)
            state.write_text(text)


def _plant(credentials: Path) -> None:
    lines = credentials.read_text().splitlines()
    key = "aws_secret_access_key"
    credentials.write_text("\n".join(f"{key} = {SECRET}" if line.startswith(key) else line for line in lines))


def _light_terraform(folder: Path, world: World) -> Path:
    """A faster Terraform: without `init` in an initialized folder."""
    found = shutil.which("terraform", path=world.environ["PATH"]) or "terraform"
    shim = folder / "terraform"
    ready = f'[ "$1" = init ] && [ ! -e "{folder}/{FULL_INIT}" ] && [ -d .terraform/providers ]'
    shim.write_text(f'#!/bin/sh\nif {ready}; then exit 0; fi\nexec "{found}" "$@"\n')
    shim.chmod(0o755)
    return shim


def _end(scene: Scene) -> None:
    """End all processes of the scene."""
    for run in scene.runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    for process in processes.running(scene.home):
        if process.pid != os.getpid():
            processes.kill(process.pid)
