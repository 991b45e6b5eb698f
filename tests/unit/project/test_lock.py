"""The project lock, and the message about its holder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.builders import DEEP
from tfdriver.errors import TfdriverError
from tfdriver.project.lock import locked
from tfdriver.waiting import Waiting

NOW = datetime.now(UTC)


def write_holder(project: Path, **fields: object) -> None:
    """Overwrite the holder of the lock."""
    body = {"command": "up", "pid": os.getpid(), "host": socket.gethostname(), "since": NOW.isoformat()}
    (project / "compositions/.tfdriver/run.json").write_text(json.dumps(body | fields))


def refused(project: Path) -> str:
    with pytest.raises(TfdriverError) as caught, locked(project, "destroy"):
        pass
    return caught.value.what


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_running_holder_is_named(tmp_path: Path):
    with locked(tmp_path, "up"):
        assert f"(process {os.getpid()} on {socket.gethostname()})" in refused(tmp_path)
        assert "killed" not in refused(tmp_path)


def test_a_killed_holder_with_a_running_terraform_is_reported(tmp_path: Path):
    with locked(tmp_path, "up"):
        write_holder(tmp_path, pid=dead_pid())
        assert refused(tmp_path).endswith("was killed, its Terraform is still running")


def test_a_reused_process_id_is_not_the_holder(tmp_path: Path):
    with locked(tmp_path, "up"):
        write_holder(tmp_path, since=(NOW - timedelta(days=1)).isoformat())
        assert refused(tmp_path).endswith("was killed, its Terraform is still running")


def test_a_holder_on_another_host_is_named(tmp_path: Path):
    with locked(tmp_path, "up"):
        write_holder(tmp_path, pid=dead_pid(), host="elsewhere")
        assert "on elsewhere)" in refused(tmp_path)
        assert "killed" not in refused(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", DEEP])
def test_an_unknown_holder_still_holds_the_lock(tmp_path: Path, text: str):
    with locked(tmp_path, "up"):
        (tmp_path / "compositions/.tfdriver/run.json").write_text(text)
        assert refused(tmp_path).endswith("another run is in progress: unknown command")


def test_waiting_reports_the_holder_once(tmp_path: Path):
    notes: list[str] = []
    with (
        locked(tmp_path, "up"),
        pytest.raises(TfdriverError),
        locked(tmp_path, "destroy", Waiting(0.02, tell=notes.append)),
    ):
        pass
    (note,) = notes
    assert note.startswith("another run is in progress: `up` since ")


def test_a_released_lock_leaves_no_files(tmp_path: Path):
    with locked(tmp_path, "up"):
        assert (tmp_path / "compositions/.tfdriver/run.json").exists()
    assert list(tmp_path.iterdir()) == []
