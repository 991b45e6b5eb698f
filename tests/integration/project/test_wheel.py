"""The wheel in a new virtual environment."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_wheel_runs_up(tmp_path: Path):
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "tfdriver/_assets/templates/main.tf.j2" in names
    assert "tfdriver/_assets/modules/team_b_bar_app/lambda/handler.py" in names
    assert not [n for n in names if ".terraform" in n or "tfstate" in n or "__pycache__" in n]

    venv.create(tmp_path / "venv", with_pip=True)
    run(tmp_path / "venv/bin/pip", "install", "--quiet", f"{wheel}[sandbox,terraform]", cwd=tmp_path)
    tfdriver = tmp_path / "venv/bin/tfdriver"
    run(tfdriver, "init", "project", cwd=tmp_path)
    up = ("tfdriver", "up", "--yes", "--no-verify")
    run(tfdriver, "-C", "project", "sandbox", "--", *up, cwd=tmp_path)
