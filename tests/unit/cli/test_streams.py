"""Streams whose reader closes them."""

from __future__ import annotations

import io
import os

from rich.console import Console

from tfdriver.cli.streams import ResilientStream


def test_writes_go_to_the_stream():
    stream = io.StringIO()
    resilient = ResilientStream(stream)

    assert (resilient.write("abc"), resilient.isatty(), stream.getvalue()) == (3, False, "abc")


def test_writes_to_a_pipe_without_a_reader_are_discarded():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        resilient = ResilientStream(stream)
        resilient.write("read\n")
        resilient.flush()
        assert os.read(reader, 100) == b"read\n"
        os.close(reader)
        console = Console(file=resilient)  # type: ignore[arg-type]
        for _ in range(3):
            console.print("nobody reads this")
            resilient.flush()
    assert stream.closed


def test_writes_to_a_closed_terminal_are_discarded():
    terminal, own = os.openpty()
    with os.fdopen(own, "w") as stream:
        os.close(terminal)
        console = Console(file=ResilientStream(stream))  # type: ignore[arg-type]
        console.print("nobody sees this")
        console.print("nor this")
    assert stream.closed
