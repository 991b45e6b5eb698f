"""Runs tasks in parallel threads: at most a number of them at once, each after those that it depends on."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

Ready = Callable[[], None]


def default_parallelism() -> int:
    """Return two per processor that this process may use, at least 4: a task waits for AWS for half of its time."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        processors = os.cpu_count() or 2
    return 2 * max(2, processors)


@dataclass(frozen=True)
class Task(Generic[B]):
    """A task. name: unique; after: names of other tasks, which must be ready before this one starts.

    do: receives a function that reports the task as ready before it ends. A task that ends without an error is ready.
    """

    name: str
    do: Callable[[Ready], B]
    after: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ran(Generic[B]):
    """The results and the errors by the names of the tasks, in their order. A task that did not start is in neither."""

    results: dict[str, B]
    errors: dict[str, BaseException]


def run_tasks(tasks: Iterable[Task[B]], limit: int, *, keep_going: bool = False) -> Ran[B]:
    """Run tasks, at most `limit` at a time. Of the tasks that may start, the first one in the order starts first.

    After an error no other task starts. keep_going: only the tasks after the failed one do not start. Returns when all
    started tasks have ended, but raises KeyboardInterrupt at once: Ctrl-C must not wait for an endpoint that does not
    respond. (A ThreadPoolExecutor waits for its threads. Python waits at exit unless they are daemons.)
    """
    tasks = list(tasks)
    waits_for = [len(task.after) for task in tasks]
    followers: dict[str, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        for name in task.after:
            followers[name].append(number)
    startable = [number for number, count in enumerate(waits_for) if not count]
    reports: SimpleQueue[tuple[str, int, Any]] = SimpleQueue()
    results: dict[int, B] = {}
    errors: dict[int, BaseException] = {}
    ready: set[int] = set()

    def work(number: int) -> None:
        try:
            reports.put(("result", number, tasks[number].do(partial(reports.put, ("ready", number, None)))))
        except BaseException as error:
            reports.put(("error", number, error))

    running = 0
    while True:
        while startable and running < limit and (keep_going or not errors):
            Thread(target=work, args=(heappop(startable),), daemon=True).start()
            running += 1
        if not running:
            break
        kind, number, value = reports.get()
        running -= kind != "ready"
        if kind == "error":
            errors[number] = value
        elif kind == "result":
            results[number] = value
        if kind != "error" and number not in ready:
            ready.add(number)
            for follower in followers[tasks[number].name]:
                waits_for[follower] -= 1
                if not waits_for[follower]:
                    heappush(startable, follower)
    names = [task.name for task in tasks]
    return Ran({names[n]: results[n] for n in sorted(results)}, {names[n]: errors[n] for n in sorted(errors)})


def side_by_side(do: Callable[[A], B], items: Iterable[A], limit: int = 8) -> list[B]:
    """Return the results of `do` in the order of the items. Run at most `limit` calls at a time.

    Raises the first exception in the order of the items after all calls have ended, but KeyboardInterrupt at once.
    """

    def task(number: int, item: A) -> Task[B]:
        return Task(str(number), lambda _: do(item))

    ran = run_tasks((task(*numbered) for numbered in enumerate(items)), limit, keep_going=True)
    for error in ran.errors.values():
        raise error
    return list(ran.results.values())
