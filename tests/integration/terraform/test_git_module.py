"""A module in a private git repository: git gets its variables, and its reason is reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.conftest import World

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")]


def test_git_uses_the_ssh_command_of_the_user_and_its_reason_is_reported(small_world: World, tmp_path: Path):
    spec = small_world.project / "tfdriver.yaml"
    spec.write_text(
        spec.read_text().replace("module: table", 'module: "git::ssh://git@git.example/m.git//table?ref=v1"')
    )
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho this key has expired >&2\nexit 255\n")
    ssh.chmod(0o755)

    refused = small_world.tfdriver("plan", GIT_SSH_COMMAND=str(ssh), GIT_DIR="/nonexistent")

    assert refused.returncode == 1
    assert (
        "error[terraform_failed]: terraform init in compositions/account_a: Failed to download module" in refused.stderr
    )
    assert "this key has expired" in refused.stderr
    assert "Could not read from remote repository" in refused.stderr
    assert "not passed on to Terraform: GIT_DIR" in refused.stderr
