"""For all tests: signals, hypothesis, garbage collection, and the table of the fault tests."""

from __future__ import annotations

import gc
import signal

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on the machine.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """Restore signal handlers, and register the table in the process that prints."""
    # Tests that run in the background ignore these signals, and their child processes inherit that.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    if not hasattr(config, "workerinput"):
        from tests.faults.table import Results

        config.pluginmanager.register(Results(), "fault-results")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Keep the modules and tests out of every later garbage collection."""
    gc.freeze()
