"""A running sandbox with two accounts, and its call log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, World
from tfdriver.sandbox.start import start


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "calls.jsonl"


@pytest.fixture(scope="module")
def world(log_file: Path) -> Iterator[World]:
    with start([TRUSTING, TRUSTED], log=log_file) as sandbox:
        yield World(sandbox)
