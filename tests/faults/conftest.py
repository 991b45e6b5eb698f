"""The starts of the fault tests, made once per process."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.faults.scene import Start
from tests.faults.starts import make_starts


@pytest.fixture(scope="session")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Start]:
    """The starts of cells, by name."""
    return make_starts(tmp_path_factory.mktemp("starts"))
