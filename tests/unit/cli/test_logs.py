"""The log of -v and -vv on stderr."""

from __future__ import annotations

import logging

import pytest

from tfdriver.cli.logs import is_logging, log_to_stderr


@pytest.fixture(autouse=True)
def _no_log_afterwards():
    yield
    log_to_stderr(0)


@pytest.mark.parametrize(("verbosity", "expected"), [(0, []), (1, ["run"]), (2, ["run", "called"])])
def test_v_logs_info_and_vv_logs_debug(verbosity, expected, capsys):
    log_to_stderr(verbosity)

    logging.getLogger("tfdriver.terraform.runner").info("run")
    logging.getLogger("tfdriver.aws.client").debug("called")

    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == expected
    assert is_logging() is bool(verbosity)


def test_secrets_are_hidden(capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "very-secret-1234")
    log_to_stderr(1)

    logging.getLogger("tfdriver").info("ran with very-secret-1234")

    assert capsys.readouterr().err.endswith("INFO ran with (hidden)\n")
