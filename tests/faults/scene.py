"""A project at some point of its story, in a sandbox of its own, in which one run meets one fault."""

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
SECRET = "planted/secret+key/of/one/account/7c1d00"  # as the profiles have it; the sandbox looks at the key's id alone
FULL_INIT = "full-init"  # while this file exists, Terraform's init does its work anyway
PATIENCE = 240.0  # seconds until a run that should have ended counts as hanging
_OPTIONS = {"up": ("--yes", "--no-verify"), "tighten": ("--yes",), "destroy": ("--yes",)}
_CLOCKED = Path(__file__).with_name("clocked.py")


@dataclass(frozen=True)
class Start:
    """Where a cell starts. project: a folder to copy; contents: what is in AWS then."""

    project: Path
    contents: Contents


@dataclass(frozen=True)
class Ended:
    """How a run ended. code: exit code, negative for the signal that killed it."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Everything it said, on one line, for looking something up."""
        return " ".join((self.stdout + self.stderr).split())


class Run:
    """A tfdriver at work, as a process of its own. command: `up`, `tighten` or `destroy`."""

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
                start_new_session=True,  # what kills a group must not reach the test
            )
        scene.runs.append(self)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to tfdriver alone."""
        self.process.send_signal(number)

    def wait(self) -> Ended:
        """Wait for its end. Raises TimeoutExpired if it does not come."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return Ended(code, *(path.read_text() for path in self._files))


@dataclass
class Scene:
    """folder: for the files of the test; started: what was in AWS at the start, bystanders included."""

    world: World
    folder: Path
    started: Contents
    runs: list[Run] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The HOME by which this project's processes are known."""
        return Path(self.world.environ["HOME"])

    def file(self, name: str) -> Path:
        """A file by which test and sandbox talk: `armed`, `made`, `reached`, `go`."""
        return self.folder / name

    def run(self, command: str, *options: str) -> Ended:
        """Run a command to its end, undisturbed."""
        return Run(self, command, "--lock-timeout", "2m", *options).wait()

    def clocked(self, command: str, *options: str, ahead: float = 0, speed: float = 1) -> Run:
        """Start a command whose clock jumps when the file `go` appears, by `ahead` seconds, or runs faster."""
        program = (sys.executable, str(_CLOCKED), str(self.file("go")), str(ahead), str(speed))
        return Run(self, command, *options, program=program)

    def wait_for(self, name: str, run: Run) -> bool:
        """Wait until a file appears; False if the run ends before."""
        end = time.monotonic() + PATIENCE
        while not self.file(name).exists():
            if run.process.poll() is not None or time.monotonic() > end:
                return self.file(name).exists()
            time.sleep(0.01)
        return True

    def secrets(self) -> dict[str, str]:
        """What must never be seen anywhere, by what it is."""
        return {"the environment's": ENVIRONMENT_MARKER, "the credentials'": SECRET}


@contextmanager
def opened(start: Start, folder: Path, rules: list[dict[str, Any]], project: Path | None = None) -> Iterator[Scene]:
    """Put a start into a sandbox with faults. project: where to put its files, by default in `folder`."""
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
    """Write the unique ids that the roles have now into the states in place of those that they had."""
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
    """Terraform with less work to do: little garbage collection, and no init of what is initialised already."""
    found = shutil.which("terraform", path=world.environ["PATH"]) or "terraform"
    shim = folder / "terraform"
    ready = f'[ "$1" = init ] && [ ! -e "{folder}/{FULL_INIT}" ] && [ -d .terraform/providers ]'
    shim.write_text(f'#!/bin/sh\nif {ready}; then exit 0; fi\nGOGC=400 exec "{found}" "$@"\n')
    shim.chmod(0o755)
    return shim


def _end(scene: Scene) -> None:
    """Leave no process behind, whatever happened."""
    for run in scene.runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    for process in processes.living(scene.home):
        if process.pid != os.getpid():
            processes.kill(process.pid)
