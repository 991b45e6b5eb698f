"""A scaffolded project in a fake world."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage, make_stage
from tfdriver.commands.init import init


@pytest.fixture
def stage(tmp_path) -> Stage:
    project = tmp_path / "foo-bar"
    init(project)
    return make_stage(project, tmp_path / "home")
