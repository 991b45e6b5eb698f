"""Terraform's state, beside the composition or pulled from a backend."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tfdriver.errors import TfdriverError
from tfdriver.interrupts import Interrupts
from tfdriver.program import Program
from tfdriver.terraform import Root, Settings
from tfdriver.verify import stored


def must_not_run():
    raise AssertionError


def backend(folder: Path, kind: str) -> None:
    (folder / ".terraform").mkdir()
    (folder / ".terraform/terraform.tfstate").write_text(json.dumps({"backend": {"type": kind}}))


def pulling(folder: Path, code: str, environment: dict[str, str], timeout: float | None = None):
    """Pulls by a Terraform that is a line of Python; the credentials of this test are the word `secret`."""
    program = Program((sys.executable, "-c", f"import sys, os, time\n{code}"), "terraform")
    settings = Settings(program, environment, Interrupts(), timeout=timeout, hide=lambda t: t.replace("secret", "***"))
    return Root(folder, settings).pull_state


def test_a_local_state_is_read_without_terraform(tmp_path):
    (tmp_path / "terraform.tfstate").write_text('{"version": 4, "outputs": {}}')
    assert stored.read(tmp_path, must_not_run) == {"version": 4, "outputs": {}}


def test_no_state_is_empty(tmp_path):
    assert stored.read(tmp_path, must_not_run) == {}


@pytest.mark.parametrize("kind", ["s3", "local"])  # a local one may have a path of its own
def test_a_state_elsewhere_is_pulled_in_the_compositions_folder_and_environment(tmp_path, kind):
    backend(tmp_path, kind)
    told = "{'version': 4, 'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd()}"
    found = stored.read(tmp_path, pulling(tmp_path, f"import json; print(json.dumps({told}))", {"MARK": "x"}))
    assert found["argv"] == ["state", "pull"]
    assert found["env"]["MARK"] == "x"
    assert "HOME" not in found["env"]
    assert found["cwd"] == str(tmp_path)


def test_an_empty_state_elsewhere_is_empty(tmp_path):
    backend(tmp_path, "s3")
    assert stored.read(tmp_path, pulling(tmp_path, "", {})) == {}


def test_what_cannot_be_pulled_says_why(tmp_path):
    backend(tmp_path, "s3")
    with pytest.raises(
        TfdriverError, match=r"terraform state pull in .*: cannot pull the state: no\s+credentials \*\*\*"
    ):
        stored.read(tmp_path, pulling(tmp_path, "sys.exit('no\\ncredentials secret')", {}))


def test_a_pull_has_no_more_time_than_any_command(tmp_path):
    backend(tmp_path, "s3")
    with pytest.raises(TfdriverError, match=r"cannot pull the state: no answer in 0\.1 s"):
        stored.read(tmp_path, pulling(tmp_path, "time.sleep(60)", {}, timeout=0.1))


@pytest.mark.parametrize(
    ("text", "words"), [('{"version": 4', "cut off"), ('{"version": 3}', "version 3 is not known"), ("[]", "cut off")]
)
def test_a_broken_state_says_so(tmp_path, text, words):
    (tmp_path / "terraform.tfstate").write_text(text)
    with pytest.raises(TfdriverError, match=words):
        stored.read(tmp_path, must_not_run)
