"""A new project in a fake world."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage, make_stage
from tests.functional.accounts import accounts
from tfdriver.project.init import init

__all__ = ["accounts", "stage"]


@pytest.fixture
def stage(tmp_path) -> Stage:
    project = tmp_path / "foo-bar"
    init(project)
    return make_stage(project, tmp_path / "home")
