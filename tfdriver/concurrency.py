"""Doing the same to many things at the same time."""

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
    """Return `do` of each item, in order, `limit` at a time; the first exception is raised after all ended.

    KeyboardInterrupt is raised at once: a call to an AWS that does not answer would else keep a Ctrl-C waiting. (A
    ThreadPoolExecutor waits for its threads, and so does Python at its end unless they are daemons.)
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
