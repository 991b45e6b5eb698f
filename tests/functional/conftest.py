"""A new project in a fake world."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage, make_stage, new_project
from tests.functional.accounts import accounts

__all__ = ["accounts", "stage"]


@pytest.fixture
def stage(tmp_path) -> Stage:
    project = tmp_path / "foo-bar"
    new_project(project)
    return make_stage(project, tmp_path / "home")
