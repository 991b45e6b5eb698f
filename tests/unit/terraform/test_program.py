"""The version check of the Terraform program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.builders import DEEP
from tfdriver.errors import TfdriverError
from tfdriver.terraform.program import Program, check_version


def printing(folder: Path, stdout: str, then: str = "", name: str = "it") -> Program:
    """Return a program that prints a text for any arguments."""
    (folder / "stdout").write_text(stdout)
    path = folder / "terraform"
    path.write_text(f"#!/bin/sh\ncat {folder}/stdout\n{then}\n")
    path.chmod(0o755)
    return Program((str(path),), name)


@pytest.mark.parametrize("version", ["1.7.0", "1.11.4", "1.15.0-beta1", "1.10.0-dev+x.1"])
def test_a_version_that_is_new_enough_is_returned(tmp_path, version):
    assert check_version(printing(tmp_path, json.dumps({"terraform_version": version})), {"PATH": "/bin"}) == version


@pytest.mark.parametrize(
    ("name", "version", "good"),
    [
        ("terraform", "1.6.6", False),
        ("/bin/tofu", "1.7.0", False),
        ("/tofu/terraform", "1.7.0", True),
        ("tofu", "1.8.0", True),
    ],
)
def test_only_versions_with_mocked_providers_are_used(tmp_path, name, version, good):
    program = printing(tmp_path, json.dumps({"terraform_version": version}), name=name)
    if good:
        assert check_version(program, {"PATH": "/bin"}) == version
        return
    with pytest.raises(TfdriverError) as caught:
        check_version(program, {"PATH": "/bin"})
    assert caught.value.code == "terraform_too_old"


ODD = ("1.9.0\x1b[31m", "1.9.0\n", "1", "1.x", "1.9.\u0660", "v1.9.0", "1.9.0-")


@pytest.mark.parametrize(
    "stdout",
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
def test_an_invalid_version_is_refused(tmp_path, stdout):
    with pytest.raises(TfdriverError) as caught:
        check_version(printing(tmp_path, stdout), {"PATH": "/usr/bin:/bin"})
    assert caught.value.what == "`version -json` printed no version"


@pytest.mark.parametrize(
    ("then", "cause"),
    [
        ("exit 2", " and ended with exit code 2"),
        ("echo 'runtime: out of memory.' >&2; exit 2", " and ended with exit code 2: runtime: out of memory"),
        ("echo 'how\\033[31m odd' >&2", ": how\\x1b[31m odd"),
        ("echo $TF_TOKEN_x >&2", ": (hidden)"),
        ("kill -KILL $$", " and was killed by signal 9"),
        ("yes many words | head -c 1000000 >&2; exit 1", " and ended with exit code 1: " + ("many words " * 50)[:300]),
    ],
)
def test_a_missing_version_is_reported_with_its_cause(tmp_path, then, cause):
    environ = {"PATH": "/usr/bin:/bin", "TF_TOKEN_x": "a1b2c3d4e5"}
    with pytest.raises(TfdriverError) as caught:
        check_version(printing(tmp_path, "", then), environ)
    assert caught.value.what == f"`version -json` printed no version{cause}"
