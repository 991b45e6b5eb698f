"""What a composition's state and lock file say, whole, cut or kept elsewhere."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from tfdriver.applied import read

LOCK = """provider "registry.terraform.io/hashicorp/null" {
  version = "3.2.1"
}

provider "registry.opentofu.org/hashicorp/aws" {
  version     = "5.100.0"
  constraints = ">= 5.0.0, < 7.0.0"
}
"""


def write_state(folder, *modes):
    resources = [{"mode": mode, "instances": [{}, {}]} for mode in modes]
    body = {"version": 4, "terraform_version": "1.11.4", "resources": resources}
    (folder / "terraform.tfstate").write_text(json.dumps(body))


def test_an_applied_composition_says_what_when_and_by_what(tmp_path):
    write_state(tmp_path, "managed", "data")
    (tmp_path / ".terraform.lock.hcl").write_text(LOCK)
    os.utime(tmp_path / "terraform.tfstate", (0, 86400))
    found = read(tmp_path)
    assert (found.applied, found.resources, found.terraform, found.provider) == (True, 2, "1.11.4", "5.100.0")
    assert found.at == datetime(1970, 1, 2, tzinfo=UTC)


def test_a_state_of_nothing_but_data_is_not_applied(tmp_path):
    write_state(tmp_path, "data")
    assert read(tmp_path).applied is False


def test_a_folder_that_is_not_there_is_not_applied(tmp_path):
    found = read(tmp_path / "missing")
    assert (found.applied, found.problem, found.provider) == (False, "", "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"resources": 3}', '{"resources": [{}]}', "null"])
def test_a_broken_state_cannot_tell(tmp_path, text):
    (tmp_path / "terraform.tfstate").write_text(text)
    found = read(tmp_path)
    assert found.applied is None
    assert "cannot be read" in found.problem


@pytest.mark.parametrize(
    ("backend", "path", "applied"),
    [
        ("s3", None, None),
        ("s3", "x", None),
        ("local", None, True),
        ("local", "terraform.tfstate", True),
        ("local", "../x", None),
    ],
)
def test_a_state_kept_elsewhere_is_not_taken_for_none(tmp_path, backend, path, applied):
    (tmp_path / ".terraform").mkdir()
    noted = {"backend": {"type": backend, "config": {"path": path}}}
    (tmp_path / ".terraform" / "terraform.tfstate").write_text(json.dumps(noted))
    write_state(tmp_path, "managed")
    found = read(tmp_path)
    assert found.applied is applied
    assert (f"backend {backend}" in found.problem) is (applied is None)
