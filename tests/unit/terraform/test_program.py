"""Which Terraform is run, and what is said of one that does not tell its version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.builders import DEEP
from tfdriver.errors import TfdriverError
from tfdriver.terraform.program import Program, check_version


def printing(folder: Path, said: str, then: str = "") -> Program:
    """A program that prints a text, whatever it is asked."""
    (folder / "said").write_text(said)
    path = folder / "terraform"
    path.write_text(f"#!/bin/sh\ncat {folder}/said\n{then}\n")
    path.chmod(0o755)
    return Program((str(path),), "it")


def refusal(program: Program) -> str:
    with pytest.raises(TfdriverError) as caught:
        check_version(program, {"PATH": "/usr/bin:/bin"})
    return caught.value.what


@pytest.mark.parametrize("version", ["1.6.0", "1.11.4", "1.15.0-beta1", "1.10.0-dev+x.1"])
def test_a_version_that_is_new_enough(tmp_path, version):
    assert check_version(printing(tmp_path, json.dumps({"terraform_version": version})), {"PATH": "/bin"}) == version


ODD = ("1.9.0\x1b[31m", "1.9.0\n", "1", "1.x", "1.9.\u0660", "v1.9.0", "1.9.0-")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "hello",
        DEEP,
        "[]",
        "{}",
        '{"terraform_version": 1.6}',
        *(json.dumps({"terraform_version": odd}) for odd in ODD),
    ],
)
def test_no_version_is_said_as_such(tmp_path, said):
    assert refusal(printing(tmp_path, said)) == "`version -json` gave no version"


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("exit 2", " and ended with exit code 2"),
        ("echo 'runtime: out of memory.' >&2; exit 2", " and ended with exit code 2: runtime: out of memory"),
        ("echo 'how\\033[31m odd' >&2", ": how\\x1b[31m odd"),
        ("echo $TF_TOKEN_x >&2", ": (hidden)"),
        ("kill -KILL $$", " and was killed by signal 9"),
        ("yes many words | head -c 1000000 >&2; exit 1", " and ended with exit code 1: " + ("many words " * 50)[:300]),
    ],
)
def test_why_there_is_no_version_is_said(tmp_path, then, said):
    environ = {"PATH": "/usr/bin:/bin", "TF_TOKEN_x": "a1b2c3d4e5"}
    with pytest.raises(TfdriverError) as caught:
        check_version(printing(tmp_path, "", then), environ)
    assert caught.value.what == f"`version -json` gave no version{said}"
