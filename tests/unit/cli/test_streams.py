"""A reader that goes away ends nothing."""

from __future__ import annotations

import io
import os

from rich.console import Console

from tfdriver.cli.streams import ResilientStream


def test_it_writes_as_the_stream_does():
    stream = io.StringIO()
    steady = ResilientStream(stream)
    assert (steady.write("abc"), steady.isatty(), stream.getvalue()) == (3, False, "abc")


def test_a_pipe_without_a_reader_swallows_the_rest():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        steady = ResilientStream(stream)
        steady.write("read\n")
        steady.flush()
        assert os.read(reader, 100) == b"read\n"
        os.close(reader)
        console = Console(file=steady)  # type: ignore[arg-type]
        for _ in range(3):
            console.print("nobody reads this")
            steady.flush()
    assert stream.closed


def test_a_terminal_that_was_closed_swallows_the_rest():
    terminal, own = os.openpty()
    with os.fdopen(own, "w") as stream:
        os.close(terminal)
        console = Console(file=ResilientStream(stream))  # type: ignore[arg-type]
        console.print("nobody sees this")
        console.print("nor this")
    assert stream.closed
