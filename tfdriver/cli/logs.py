"""The log of `-v` and `-vv` on stderr, with secrets hidden."""

from __future__ import annotations

import logging
import os
import sys

from tfdriver.cli.streams import ResilientStream
from tfdriver.redaction import environment_secrets, hide

_LOGGER = logging.getLogger("tfdriver")


class _HidingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return hide(super().format(record), environment_secrets(os.environ))


def log_to_stderr(verbosity: int) -> None:
    """Write the package's log records to stderr. verbosity: 0 for none, 1 for INFO, 2 for DEBUG."""
    _LOGGER.handlers = []
    if not verbosity:
        return
    handler = logging.StreamHandler(ResilientStream(sys.stderr))
    handler.setFormatter(_HidingFormatter("%(asctime)s %(levelname)s %(message)s"))
    _LOGGER.handlers = [handler]
    _LOGGER.setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)


def is_logging() -> bool:
    """Whether log records are written."""
    return bool(_LOGGER.handlers)
