"""Which compositions share the AWS provider of another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.terraform.test_installed_provider import LOCK, installed
from tfdriver.terraform.installed_provider import LOCK_FILE, installed_provider
from tfdriver.terraform.shared_provider import SharedProvider

PLATFORM = ".terraform/providers/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"
REQUIRED = 'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n'


def composition(folder: Path) -> Path:
    folder.mkdir()
    (folder / "terraform.tf").write_text(REQUIRED)
    return folder


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """An initialized composition, whose provider is a link to a mirror."""
    folder = composition(tmp_path / "first")
    installed(folder)
    (folder / PLATFORM).rename(tmp_path / "mirror")
    (folder / PLATFORM).symlink_to(tmp_path / "mirror")
    return folder


@pytest.fixture
def shared(first: Path) -> SharedProvider:
    found = SharedProvider()
    assert found.init_environment is None
    found.offer(first)
    assert found.init_environment is not None
    return found


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return composition(tmp_path / "second")


def test_a_composition_that_requires_the_same_gets_the_same_provider(shared, first, second):
    assert shared.install(second)

    assert (second / PLATFORM).resolve() == (first / PLATFORM).resolve()
    assert (second / LOCK_FILE).read_text() == LOCK
    assert installed_provider(second)


def test_a_link_to_an_older_provider_is_replaced(shared, first, second, tmp_path):
    (second / PLATFORM).parent.mkdir(parents=True)
    (second / PLATFORM).symlink_to(tmp_path)

    assert shared.install(second)

    assert (second / PLATFORM).resolve() == (first / PLATFORM).resolve()


def other_version(folder: Path) -> None:
    (folder / "terraform.tf").write_text(
        REQUIRED.replace('"hashicorp/aws"', '"hashicorp/aws"\n      version = ">= 6.0"')
    )


def other_provider(folder: Path) -> None:
    (folder / "more.tf").write_text(REQUIRED.replace("aws", "random"))


def nested_module(folder: Path) -> None:
    (folder / ".terraform/modules").mkdir(parents=True)
    (folder / ".terraform/modules/modules.json").write_text('{"Modules": [{"Dir": "module"}]}')
    (folder / "module").mkdir()
    other_provider(folder / "module")


def other_lock(folder: Path) -> None:
    (folder / LOCK_FILE).write_text(LOCK.replace("h1:", "h1:other"))


def json_syntax(folder: Path) -> None:
    (folder / "more.tf.json").write_text('{"terraform": {"required_providers": {}}}')


def invalid_syntax(folder: Path) -> None:
    (folder / "more.tf").write_text("terraform {")


@pytest.mark.parametrize(
    "change", [other_version, other_provider, nested_module, other_lock, json_syntax, invalid_syntax]
)
def test_a_composition_that_may_need_another_provider_does_not_share_one(shared, second, change):
    change(second)

    assert not shared.install(second)

    assert not (second / ".terraform/providers").exists()


def test_a_provider_that_terraform_downloaded_into_the_composition_is_not_shared(first, tmp_path):
    (first / PLATFORM).unlink()
    (tmp_path / "mirror").rename(first / PLATFORM)
    shared = SharedProvider()

    shared.offer(first)

    assert shared.init_environment is None
