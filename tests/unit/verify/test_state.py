"""Terraform's state, beside the composition or pulled from a backend."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tfdriver.errors import TfdriverError
from tfdriver.verify import state

NO_TERRAFORM = (sys.executable, "-c", "raise SystemExit('must not run')")


def backend(folder: Path, kind: str) -> None:
    (folder / ".terraform").mkdir()
    (folder / ".terraform/terraform.tfstate").write_text(json.dumps({"backend": {"type": kind}}))


def program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys, os\n{code}")


def test_a_local_state_is_read_without_terraform(tmp_path):
    (tmp_path / "terraform.tfstate").write_text('{"version": 4, "outputs": {}}')
    assert state.read(tmp_path, NO_TERRAFORM, {}) == {"version": 4, "outputs": {}}


def test_no_state_is_empty(tmp_path):
    assert state.read(tmp_path, NO_TERRAFORM, {}) == {}


@pytest.mark.parametrize("kind", ["s3", "local"])  # a local one may have a path of its own
def test_a_state_elsewhere_is_pulled_in_the_compositions_folder_and_environment(tmp_path, kind):
    backend(tmp_path, kind)
    told = "{'version': 4, 'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd()}"
    found = state.read(tmp_path, program(f"import json; print(json.dumps({told}))"), {"MARK": "x"})
    assert found["argv"] == ["state", "pull"]
    assert found["env"]["MARK"] == "x"
    assert "HOME" not in found["env"]
    assert found["cwd"] == str(tmp_path)


def test_an_empty_state_elsewhere_is_empty(tmp_path):
    backend(tmp_path, "s3")
    assert state.read(tmp_path, program(""), {}) == {}


def test_what_cannot_be_pulled_says_why(tmp_path):
    backend(tmp_path, "s3")
    with pytest.raises(TfdriverError, match=r"terraform state pull in .*: cannot pull the state: no\s+credentials"):
        state.read(tmp_path, program("sys.exit('no\\ncredentials')"), {})


@pytest.mark.parametrize(
    ("text", "words"), [('{"version": 4', "cut off"), ('{"version": 3}', "version 3 is not known"), ("[]", "cut off")]
)
def test_a_broken_state_says_so(tmp_path, text, words):
    (tmp_path / "terraform.tfstate").write_text(text)
    with pytest.raises(TfdriverError, match=words):
        state.read(tmp_path, NO_TERRAFORM, {})
