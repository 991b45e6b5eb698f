"""Calls a function for several items in parallel threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def side_by_side(do: Callable[[A], B], items: Iterable[A], limit: int = 8) -> list[B]:
    """Return the results of `do` in the order of the items. Run at most `limit` calls at a time.

    Raises the first exception after all calls have ended, but KeyboardInterrupt at once: Ctrl-C must not wait for an
    endpoint that does not respond. (A ThreadPoolExecutor waits for its threads. Python waits at exit unless they are
    daemons.)
    """
    todo: SimpleQueue[tuple[A, Future[B]]] = SimpleQueue()
    futures: list[Future[B]] = []
    for item in items:
        futures.append(Future())
        todo.put((item, futures[-1]))

    def work() -> None:
        with suppress(Empty):
            while True:
                item, future = todo.get_nowait()
                try:
                    future.set_result(do(item))
                except BaseException as error:
                    future.set_exception(error)

    for _ in range(min(len(futures), limit)):
        Thread(target=work, daemon=True).start()
    wait(futures)
    return [future.result() for future in futures]
