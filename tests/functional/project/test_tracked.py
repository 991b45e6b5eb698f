"""A project in git: states that it does not ignore are warned of, once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes.world import Stage, use_backend
from tfdriver.deploy.plan import plan
from tfdriver.deploy.up import up

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
WORDS = "compositions/account_a/terraform.tfstate and 5 more: states hold secrets. Add *.tfstate,"


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def warned(stage: Stage) -> list[str]:
    """What plan warns of."""
    with stage.session("plan") as session:
        plan(session)
    said, stage.progress.said = stage.progress.said, []
    return [line for line in said if "git" in line]


def test_states_that_git_does_not_ignore_are_warned_of_and_what_is_advised_helps(stage):
    git(stage.project, "init")
    assert warned(stage) == []
    (stage.project / ".gitignore").unlink()
    (said,) = warned(stage)
    assert said.startswith(f"warning: git does not ignore {WORDS}")
    (stage.project / ".gitignore").write_text("*.tfstate\n*.tfstate.*\n.tfdriver/\n")
    assert warned(stage) == []


def test_up_warns_before_the_first_state_and_from_below_the_top_of_the_work_tree(stage):
    git(stage.project.parent, "init")
    (stage.project / ".gitignore").unlink()
    stage.run(up)
    assert sum("git does not ignore" in line for line in stage.progress.said) == 1


def test_a_state_in_the_index_is_warned_of_though_it_would_be_ignored(stage):
    stage.run(up)
    git(stage.project, "init")
    git(stage.project, "add", "-f", "compositions/account_b/terraform.tfstate")
    (said,) = warned(stage)
    assert "does not ignore compositions/account_b/terraform.tfstate: " in said


@pytest.mark.parametrize("why", ["no work tree", "no git", "another's work tree", "a backend"])
def test_where_that_is_nothing_to_say_nothing_is_said(stage, why):
    (stage.project / ".gitignore").unlink()
    if why != "no work tree":
        git(stage.project, "init")
    if why == "no git":
        stage.environ["PATH"] = "/nowhere"
    if why == "another's work tree":
        (stage.project / ".git/HEAD").write_text("nonsense")
    if why == "a backend":
        use_backend(stage)
    assert warned(stage) == []
