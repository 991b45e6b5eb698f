"""What the faults' tests share: the starting points, made once per process."""

from __future__ import annotations

import signal
from collections.abc import Mapping

import pytest

from tests.faults.scene import Start
from tests.faults.starts import make_starts


@pytest.fixture(scope="session")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Start]:
    """Where cells start, by name."""
    for number in (signal.SIGINT, signal.SIGHUP):  # a run in the background ignores them, and so would its children
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    return make_starts(tmp_path_factory.mktemp("starts"))
