"""The provider that `terraform init` installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdriver.terraform.installed_provider import installed_provider

ADDRESS = "registry.terraform.io/hashicorp/aws"
LOCK = f"""
provider "{ADDRESS}" {{
  version     = "5.100.0"
  constraints = ">= 5.0.0, < 7.0.0"
  hashes = [
    "h1:abc=",
    "zh:def",
  ]
}}

provider "registry.terraform.io/hashicorp/random" {{
  version = "3.0.0"
}}
"""


def installed(folder: Path, lock: str = LOCK, version: str = "5.100.0", name: str = "5.100.0_x5") -> Path:
    (folder / ".terraform.lock.hcl").write_text(lock)
    binary = folder / ".terraform/providers" / ADDRESS / version / "linux_amd64" / f"terraform-provider-aws_v{name}"
    binary.parent.mkdir(parents=True)
    binary.touch(mode=0o755)
    return binary


def test_the_binary_of_the_locked_version_is_found(tmp_path):
    binary = installed(tmp_path)

    found = installed_provider(tmp_path)

    assert found is not None
    assert (found.address, found.binary) == (ADDRESS, binary)


def test_the_cache_entry_depends_on_version_and_hashes(tmp_path):
    locks = {
        "same": LOCK,
        "other hash": LOCK.replace("def", "fed"),
        "other address": LOCK.replace("terraform.io/hashicorp/aws", "opentofu.org/hashicorp/aws"),
    }
    names = {}
    for number, (what, lock) in enumerate(locks.items()):
        (folder := tmp_path / str(number)).mkdir()
        binary = installed(folder, lock)
        if what == "other address":
            moved = folder / ".terraform/providers/registry.opentofu.org/hashicorp/aws/5.100.0/linux_amd64"
            moved.mkdir(parents=True)
            binary.rename(moved / binary.name)
        names[what] = installed_provider(folder).cache_name

    assert names["same"].startswith("aws-5.100.0-")
    assert len(set(names.values())) == 3


@pytest.mark.parametrize(
    "lock",
    [
        "",
        "not { valid",
        LOCK.replace("5.100.0", "4.67.0"),
        LOCK.replace("5.100.0", "7.0.0"),
        LOCK.replace("5.100.0", "5.100.0-beta1"),
        LOCK.replace("5.100.0", "../5.100.0"),
        LOCK.replace('"h1:abc=",\n    "zh:def",\n', ""),
        LOCK.replace("hashicorp/aws", "other/aws"),
        LOCK + LOCK.replace("terraform.io/hashicorp/aws", "opentofu.org/hashicorp/aws"),
    ],
)
def test_a_lock_file_that_is_not_as_expected_is_refused(tmp_path, lock):
    installed(tmp_path, lock)
    assert installed_provider(tmp_path) is None


@pytest.mark.parametrize("change", ["missing", "not executable", "two", "no lock file"])
def test_an_installation_that_is_not_as_expected_is_refused(tmp_path, change):
    binary = installed(tmp_path)
    match change:
        case "missing":
            binary.unlink()
        case "not executable":
            binary.chmod(0o644)
        case "two":
            binary.with_name(f"{binary.name}_other").touch(mode=0o755)
        case "no lock file":
            (tmp_path / ".terraform.lock.hcl").unlink()

    assert installed_provider(tmp_path) is None
