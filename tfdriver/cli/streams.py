"""Standard streams that may be missing or lose their reader, which must not stop a run."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

_READER_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)  # of a pipe, a terminal, a socket


def open_missing() -> None:
    """Open the null device for each standard stream that this process was started without.

    Call it first: otherwise the next file that is opened gets the descriptor of the missing stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)  # for the command that a sandbox runs
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


class ResilientStream(io.TextIOBase):
    """Writes to a stream until a write fails, and then to the null device.

    failure: why the write failed, for example a full disk; None if only the reader is gone.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only here
        """The stream's encoding."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write text to the stream. Discard it once a write has failed."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, or do nothing after a failure."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()

    def _give_up(self, error: OSError) -> None:
        if error.errno not in _READER_GONE:
            self.failure = self.failure or error
        # Otherwise Python fails again when it flushes the rest of the buffer at exit.
        # Source: Python's documentation, `signal`, "Note on SIGPIPE".
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
