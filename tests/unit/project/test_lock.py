"""One run per project at a time, and what is told of the other one."""

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


def holder(project: Path, **said: object) -> None:
    """Write down, as a run does, who holds the lock."""
    body = {"command": "up", "pid": os.getpid(), "host": socket.gethostname(), "since": NOW.isoformat()}
    (project / "compositions/.tfdriver/run.json").write_text(json.dumps(body | said))


def refused(project: Path) -> str:
    with pytest.raises(TfdriverError) as caught, locked(project, "destroy"):
        pass
    return caught.value.what


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_live_run_is_named(tmp_path: Path):
    with locked(tmp_path, "up"):
        assert f"(process {os.getpid()} on {socket.gethostname()})" in refused(tmp_path)
        assert "killed" not in refused(tmp_path)


def test_a_run_that_was_killed_while_its_terraform_goes_on(tmp_path: Path):
    with locked(tmp_path, "up"):
        holder(tmp_path, pid=dead_pid())
        assert refused(tmp_path).endswith("was killed, its Terraform is finishing")


def test_a_process_that_got_the_number_of_a_killed_run(tmp_path: Path):
    with locked(tmp_path, "up"):
        holder(tmp_path, since=(NOW - timedelta(days=1)).isoformat())
        assert refused(tmp_path).endswith("was killed, its Terraform is finishing")


def test_a_run_on_another_host(tmp_path: Path):
    with locked(tmp_path, "up"):
        holder(tmp_path, pid=dead_pid(), host="elsewhere")
        assert "on elsewhere)" in refused(tmp_path)
        assert "killed" not in refused(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", DEEP])
def test_a_run_that_cannot_be_named_still_holds_the_lock(tmp_path: Path, text: str):
    with locked(tmp_path, "up"):
        (tmp_path / "compositions/.tfdriver/run.json").write_text(text)
        assert refused(tmp_path).endswith("it has not said which")


def test_who_waits_says_for_whom_once(tmp_path: Path):
    said: list[str] = []
    with (
        locked(tmp_path, "up"),
        pytest.raises(TfdriverError),
        locked(tmp_path, "destroy", Waiting(0.02, tell=said.append)),
    ):
        pass
    (words,) = said
    assert words.startswith("another run is at work here: `up` since ")


def test_nothing_is_left_behind(tmp_path: Path):
    with locked(tmp_path, "up"):
        assert (tmp_path / "compositions/.tfdriver/run.json").exists()
    assert list(tmp_path.iterdir()) == []
