"""When `terraform init` runs again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.terraform.test_installed_provider import LOCK, installed
from tfdriver.terraform.initialized import is_initialized, keep_initialized

ARGV = (sys.executable,)


class Scene:
    """An initialized composition with a module."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "composition"
        self.module = tmp_path / "module"
        self.cli = tmp_path / "terraform.rc"
        self.record = self.folder / "initialized"
        self.environment = {"TF_CLI_CONFIG_FILE": str(self.cli)}
        self.argv = ARGV
        for folder in (self.folder, self.module):
            folder.mkdir()
            (folder / "main.tf").write_text("# before")
        self.binary = installed(self.folder)
        (self.folder / ".terraform/modules").mkdir()
        (self.folder / ".terraform/modules/modules.json").write_text('{"Modules": [{"Dir": "../module"}]}')
        self.cli.write_text("# before")

    def keep(self) -> None:
        keep_initialized(self.folder, self.record, self.argv, self.environment)

    @property
    def initialized(self) -> bool:
        return is_initialized(self.folder, self.record, self.argv, self.environment)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_init_is_left_out_while_nothing_changes(scene: Scene):
    assert not scene.initialized

    scene.keep()

    assert scene.initialized
    assert scene.record.stat().st_mode & 0o777 == 0o600


def test_the_place_of_the_cli_configuration_does_not_count(scene: Scene, tmp_path: Path):
    scene.keep()
    moved = scene.cli.rename(tmp_path / "other.rc")
    scene.environment = {"TF_CLI_CONFIG_FILE": str(moved)}
    assert scene.initialized


CHANGES: dict[str, Callable[[Scene], object]] = {
    "configuration": lambda s: (s.folder / "main.tf").write_text("# after"),
    "another file": lambda s: (s.folder / "more.tf.json").write_text("{}"),
    "module": lambda s: (s.module / "main.tf").write_text("# after"),
    "lock file": lambda s: (s.folder / ".terraform.lock.hcl").write_text(LOCK.replace("abc", "cba")),
    "list of modules": lambda s: (s.folder / ".terraform/modules/modules.json").write_text('{"Modules": []}'),
    "module is gone": lambda s: s.module.rename(s.module.with_name("gone")),
    "backend": lambda s: (s.folder / ".terraform/terraform.tfstate").write_text("{}"),
    "provider": lambda s: s.binary.write_text("other"),
    "time of the provider": lambda s: os.utime(s.binary, (1, 1)),
    "provider is gone": lambda s: s.binary.unlink(),
    "cli configuration": lambda s: s.cli.write_text("# after"),
    "plugin cache": lambda s: s.environment.update(TF_PLUGIN_CACHE_DIR="/cache"),
    "program": lambda s: setattr(s, "argv", ("/bin/sh",)),
    "record": lambda s: s.record.write_bytes(b"\xff"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_init_runs_again_after_a_change(scene: Scene, change: str):
    scene.keep()
    assert scene.initialized

    CHANGES[change](scene)

    assert not scene.initialized


def test_an_unusual_installation_is_always_initialized_again(scene: Scene):
    scene.binary.unlink()
    scene.keep()
    assert not scene.initialized
