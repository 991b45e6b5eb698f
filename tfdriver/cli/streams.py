"""Text streams whose reader may go away or was never there: that must not end a run half way."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

_READER_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)  # of a pipe, a terminal, a socket


def open_missing() -> None:
    """Open the null device in place of each standard stream that this process was started without.

    Python has None for such a stream, and the next file that is opened would get its number. To be called first.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)  # as the stream would be: what a sandbox runs has it
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


class ResilientStream(io.TextIOBase):
    """Writes to a stream until that fails, and from then on to nowhere.

    failure: why it failed, if not because its reader is gone: what is written is missed then. A full disk, say.
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
        """Write text, if anybody can still read it."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, if anybody can still read it."""
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
        self._to_nowhere()

    def _to_nowhere(self) -> None:
        """Point the descriptor at the null device; else Python would fail once more, on what is left, as it exits.

        Source: Python's documentation, `signal`, "Note on SIGPIPE".
        """
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
