"""Standard streams that are closed, full or without a reader."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TFDRIVER = f"{shlex.quote(sys.executable)} -m tfdriver"
NO_TERMINAL = "error[confirmation_required]: "


def shell(project: Path, command: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line in a project; `tfdriver` in it is the one under test."""
    argv = ["sh", "-c", command.replace("tfdriver", TFDRIVER)]
    done = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "code", "printed"),
    [
        ("tfdriver render >&-", 0, ""),
        ("tfdriver render <&- >&- 2>&-", 0, ""),
        ("tfdriver up <&-", 1, NO_TERMINAL),
        ("tfdriver up <&- >&-", 1, NO_TERMINAL),
        ("tfdriver explain - <&-", 1, "error[bad_usage]: "),
        ("tfdriver -h >&-", 0, ""),
    ],
)
def test_a_closed_stream_counts_as_empty(stage, command, code, printed):
    ended, _, stderr = shell(stage.project, command)

    assert (ended, stderr[: len(printed)]) == (code, printed)
    assert "Traceback" not in stderr
    assert "bug" not in stderr


def test_child_processes_get_the_null_device_for_closed_streams():
    code = """if True:
        import subprocess
        from tfdriver.cli.streams import open_missing
        open_missing()
        subprocess.run(["sh", "-c", "echo $(readlink /proc/$$/fd/0 /proc/$$/fd/1) >&2"])
    """
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} <&- >&-"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)

    assert done.stderr == "/dev/null /dev/null\n"


@pytest.mark.parametrize("command", ["render --json", "render", "schema status"])
def test_a_result_that_cannot_be_written_is_an_error(stage, command):
    code, _, stderr = shell(stage.project, f"tfdriver {command} >/dev/full")

    assert code == 1
    assert stderr.startswith("error[output_not_written]: stdout: cannot write the result: No space left on device\n")


def test_a_result_without_a_reader_is_not_an_error():
    assert shell(Path.cwd(), "{ tfdriver schema status; echo $? >&2; } | true")[2] == "0\n"
