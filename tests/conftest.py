"""For all tests: what the fault matrix found is printed at the end and kept in docs/."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more of the machine than of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """Heed signals, and collect the results of the matrix where the reports arrive: in the one process that prints."""
    # Tests that were started in the background ignore them, and so would every process of theirs.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    if not hasattr(config, "workerinput"):
        from tests.faults.table import Results

        config.pluginmanager.register(Results(), "fault-results")
