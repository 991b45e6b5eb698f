"""Warnings of states that git does not ignore."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes.world import Stage, use_backend
from tfdriver.deploy.plan import plan
from tfdriver.deploy.up import up

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
STATES = "compositions/account_a/terraform.tfstate and 5 more: states contain secrets. Add *.tfstate,"


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def warnings(stage: Stage) -> list[str]:
    """Return the warnings of `plan` about git."""
    with stage.session("plan") as session:
        plan(session)
    notes, stage.progress.said = stage.progress.said, []
    return [note for note in notes if "git" in note]


def test_states_that_git_does_not_ignore_cause_a_warning_until_they_are_ignored(stage):
    git(stage.project, "init")
    assert warnings(stage) == []

    (stage.project / ".gitignore").unlink()
    (warning,) = warnings(stage)
    assert warning.startswith(f"warning: git does not ignore {STATES}")

    (stage.project / ".gitignore").write_text("*.tfstate\n*.tfstate.*\n.tfdriver/\n")
    assert warnings(stage) == []


def test_up_warns_before_the_first_state_in_a_subfolder_of_the_work_tree(stage):
    git(stage.project.parent, "init")
    (stage.project / ".gitignore").unlink()
    stage.run(up)
    assert sum("git does not ignore" in line for line in stage.progress.said) == 1


def test_a_state_in_the_index_causes_a_warning_despite_gitignore(stage):
    stage.after_up()
    git(stage.project, "init")
    git(stage.project, "add", "-f", "compositions/account_b/terraform.tfstate")
    (warning,) = warnings(stage)
    assert "does not ignore compositions/account_b/terraform.tfstate: " in warning


@pytest.mark.parametrize("case", ["no work tree", "no git", "broken work tree", "backend"])
def test_there_is_no_warning_without_git_or_local_states(stage, case):
    (stage.project / ".gitignore").unlink()
    if case != "no work tree":
        git(stage.project, "init")
    if case == "no git":
        stage.environ["PATH"] = "/nowhere"
    if case == "broken work tree":
        (stage.project / ".git/HEAD").write_text("nonsense")
    if case == "backend":
        use_backend(stage)

    assert warnings(stage) == []
