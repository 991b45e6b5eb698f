"""Standard streams that are closed, full, or without a reader."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TFDRIVER = f"{shlex.quote(sys.executable)} -m tfdriver"
NO_TERMINAL = "error[confirmation_required]: there is no terminal to ask on\n  Give --yes to go on without asking\n"


def shell(project: Path, command: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line in a project; `tfdriver` in it is ours."""
    argv = ["sh", "-c", command.replace("tfdriver", TFDRIVER)]
    done = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("tfdriver render >&-", 0, ""),
        ("tfdriver render <&- >&- 2>&-", 0, ""),
        ("tfdriver up <&-", 1, NO_TERMINAL),
        ("tfdriver up <&- >&-", 1, NO_TERMINAL),
        ("tfdriver explain - <&-", 1, "error[bad_usage]: "),
        ("tfdriver -h >&-", 0, ""),
    ],
)
def test_a_closed_stream_is_an_empty_one(stage, command, code, said):
    ended, _, told = shell(stage.project, command)
    assert (ended, told[: len(said)]) == (code, said)
    assert "Traceback" not in told
    assert "bug" not in told


def test_no_file_gets_the_number_of_a_closed_stream_and_what_is_started_has_it_too():
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
def test_a_result_that_cannot_be_written_is_a_failure(stage, command):
    code, _, told = shell(stage.project, f"tfdriver {command} >/dev/full")
    assert (code, told) == (
        1,
        "error[output_not_written]: stdout: the result could not be written: No space left on device\n  "
        "What the command itself did is done\n",
    )


def test_a_result_that_nobody_reads_is_none():
    assert shell(Path.cwd(), "{ tfdriver schema status; echo $? >&2; } | true")[2] == "0\n"
