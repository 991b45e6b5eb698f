"""Text streams whose reader may go away: a closed terminal or pipe must not end a run half way."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import Any, TextIO


class Steady(io.TextIOBase):
    """Writes to a stream until its reader is gone, and from then on to nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only here
        """The stream's encoding."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write text, if anybody can still read it."""
        try:
            return self._stream.write(text)
        except OSError:
            self._to_nowhere()
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, if anybody can still read it."""
        try:
            self._stream.flush()
        except OSError:
            self._to_nowhere()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()

    def _to_nowhere(self) -> None:
        """Point the descriptor at the null device; else Python would fail once more, on what is left, as it exits.

        Source: Python's documentation, `signal`, "Note on SIGPIPE".
        """
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
