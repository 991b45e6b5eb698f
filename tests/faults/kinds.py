"""The faults of the matrix: how each is injected and undone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults import contents, processes
from tests.faults.points import (
    BEFORE_1,
    BETWEEN_2_3,
    DESTROY_A,
    DESTROY_B,
    DESTROY_BETWEEN,
    DURING_3,
    DURING_3_DONE,
    TABLE_1,
    Point,
)
from tests.faults.scene import FULL_INIT, SECRET, Run, Scene

Act = Callable[[Scene, Run], None]
_FULL = "filler"
PROXY = os.environ.get("TFDRIVER_PROXY") != "0"
TMPFS_SIZE = 48_000_000  # bytes: more than tfdriver requires, and quick to fill


def _nothing(_: Scene, _run: Run) -> None:
    """Do nothing: the sandbox injects the fault."""


@dataclass(frozen=True)
class Kind:
    """A fault. rule: for the sandbox; act: called by the test while the sandbox holds the call.

    undo: ends the fault; options: of the faulted run; ahead: seconds by which the run's clock jumps; lasts: whether
    tfdriver retries for two minutes, which a faster clock shortens; excluded: why the fault is not played at a point.
    """

    title: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    act: Act = _nothing
    undo: Callable[[Scene], None] = lambda _: None
    options: tuple[str, ...] = ()
    tmpfs: bool = False
    ahead: float = 0
    lasts: bool = False
    excluded: Callable[[Point], str] = lambda _: ""

    @property
    def held(self) -> bool:
        """Whether the call is held until the test has acted."""
        return not self.rule


def _signal(number: signal.Signals) -> Act:
    return lambda _, run: run.signal(number)


def _kill(kind: str, *, group: bool = False) -> Act:
    def act(scene: Scene, _: Run) -> None:
        pid = processes.find(scene.home, kind)
        end = time.monotonic() + 20
        while pid is None and time.monotonic() < end:  # before phase 1, Terraform has not started
            scene.file(FULL_INIT).touch()
            scene.file("go").touch()
            pid = processes.find(scene.home, kind)
        assert pid, f"no {kind} is running"
        processes.kill(pid, group=group)

    return act


def _second_run(scene: Scene, run: Run) -> None:
    command = "destroy" if "destroy" in run.process.args else "up"
    second = Run(scene, command).wait()
    assert second.code == (3 if "In force now: " in second.text else 1), second.text
    assert "another run is in progress: " in second.text, second.text


def _fill(scene: Scene, _: Run) -> None:
    with (scene.world.project / _FULL).open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass


def _protect(scene: Scene, _: Run) -> None:
    """Make the compositions read-only. Permissions do not restrict root, so root sets the immutable flag."""
    _chattr(scene, "+i")


def _chattr(scene: Scene, flag: str) -> None:
    folder = scene.world.project / "compositions"
    if os.geteuid() == 0:
        subprocess.run(["chattr", "-f", "-R", flag, str(folder)], check=False)
        return
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o500 if flag == "+i" else 0o700)


def can_protect(folder: Path) -> str:
    """Return why a folder cannot be made read-only here, or ''."""
    if os.geteuid() != 0:
        return ""
    probe = folder / "probe"
    probe.mkdir()
    if not shutil.which("chattr") or subprocess.run(["chattr", "+i", str(probe)], check=False).returncode:
        return "root can write everywhere, and the file system has no immutable flag"
    subprocess.run(["chattr", "-i", str(probe)], check=True)
    return ""


def _renew(scene: Scene) -> None:
    for account in ("account_a", "account_b"):
        key = scene.world.sessions[account].get_credentials().access_key
        scene.world.server.app.parts.sessions.expire(key, datetime.now(UTC))


def _replace(scene: Scene, _: Run) -> None:
    with suppress(no_such_role(scene)):
        contents.delete_role(scene.world, "account_b", "bar")
    contents.create_unmanaged_role(scene.world)


def no_such_role(scene: Scene) -> type[Exception]:
    """The exception of IAM's client for a role that does not exist."""
    found: type[Exception] = contents.manual_client(scene.world, "iam", "account_b").exceptions.NoSuchEntityException
    return found


def _edit(scene: Scene, _: Run) -> None:
    contents.edit_trust(scene.world)


def _delete_trusted(scene: Scene, _: Run) -> None:
    contents.delete_role(scene.world, "account_b", "bar")


def _needs_terraform(point: Point) -> str:
    return "" if point.terraform or point is BEFORE_1 else "no Terraform is running"


def _needs_provider(point: Point) -> str:
    return "" if point.terraform else "no provider is running"


def _needs_host(point: Point) -> str:
    return _needs_provider(point) or ("" if PROXY else "Terraform runs without the provider proxy")


def _main_points(point: Point) -> str:
    if point is TABLE_1:
        return "same as after CreateRole"
    return "same as before UpdateAssumeRolePolicy" if point is DURING_3_DONE else ""


def _only_during(point: Point) -> str:
    return _main_points(point) or ("" if point.title.startswith("during") else "same as during the phases")


def _needs_deadline(point: Point) -> str:
    return _needs_clock(point) or ("" if point is BEFORE_1 else "same as ahead: the deadline is set in phase 1")


def _needs_trusting(point: Point) -> str:
    if point is BEFORE_1:
        return "the trusting role does not exist yet"
    return "the trusting role is deleted" if point is DESTROY_A else _main_points(point)


def _needs_trusted(point: Point) -> str:
    here = (BETWEEN_2_3, DURING_3, DESTROY_B)
    if point in (DESTROY_BETWEEN, DESTROY_A):
        return "the trusted role is deleted"
    return "" if point in here else _main_points(point) or "the trusted role does not exist yet"


def _needs_trusted_there(point: Point) -> str:
    return "destroy has deleted the role already" if point is DESTROY_B else _needs_trusted(point)


def _needs_clock(point: Point) -> str:
    return "destroy does not use the time" if point.command == "destroy" else _main_points(point)


def _error(status: int, code: str, message: str, times: int | None = None) -> dict[str, Any]:
    error = {"error": {"status": status, "code": code, "message": message}, "when": "before"}
    return error | ({"times": times} if times else {})


def _pause(_: Scene, _run: Run) -> None:
    time.sleep(0.3)


def _twice(scene: Scene, run: Run) -> None:
    run.signal(signal.SIGINT)
    _pause(scene, run)
    run.signal(signal.SIGINT)


KINDS = (
    Kind("driver SIGKILL", act=_signal(signal.SIGKILL)),
    Kind("driver SIGINT", act=_signal(signal.SIGINT)),
    Kind("driver SIGINT twice", act=_twice, excluded=_only_during),
    Kind("driver SIGTERM", act=_signal(signal.SIGTERM), excluded=_main_points),
    Kind("driver SIGHUP", act=_signal(signal.SIGHUP), excluded=_main_points),
    Kind("Terraform SIGKILL", act=_kill("terraform"), excluded=_needs_terraform),
    Kind("provider SIGKILL", act=_kill("provider"), excluded=_needs_provider),
    Kind("provider host SIGKILL", act=_kill("host"), excluded=_needs_host),
    Kind(
        "Terraform's group SIGKILL",
        act=_kill("terraform", group=True),
        excluded=lambda p: _needs_terraform(p) or _only_during(p),
    ),
    Kind("AWS answers 500", rule=_error(500, "InternalFailure", "sorry", times=2), excluded=_main_points),
    Kind("AWS throttles", rule=_error(400, "Throttling", "Rate exceeded", times=2), excluded=_main_points),
    Kind("AWS refuses", rule=_error(403, "AccessDenied", f"not with {SECRET}"), lasts=True, excluded=_main_points),
    Kind("AWS drops the connection", rule={"drop": True, "when": "after", "nth": 1}),
    Kind(
        "AWS hangs",
        rule={"hang": True, "when": "before", "nth": 1},
        options=("--timeout", "30s"),
        excluded=_main_points,
    ),
    Kind(
        "credentials expire",
        rule={"expire": True, "when": "before", "nth": 1},
        undo=_renew,
        lasts=True,
        excluded=_main_points,
    ),
    Kind(
        "disk full",
        act=_fill,
        undo=lambda scene: (scene.world.project / _FULL).unlink(missing_ok=True),
        tmpfs=True,
        excluded=_main_points,
    ),
    Kind("read-only folder", act=_protect, undo=lambda scene: _chattr(scene, "-i"), excluded=_main_points),
    Kind("clock jumps ahead", ahead=7200, excluded=_needs_clock),
    Kind("clock jumps back", ahead=-7200, excluded=_needs_deadline),
    Kind("second run at once", act=_second_run, excluded=_main_points),
    Kind(
        "trusted role deleted",
        act=_delete_trusted,
        options=("--timeout", "30s"),
        lasts=True,
        excluded=_needs_trusted_there,
    ),
    Kind(
        "trusted role replaced",
        act=_replace,
        excluded=_main_points,
    ),
    Kind("trust edited by hand", act=_edit, excluded=_needs_trusting),
)
