"""Tasks and calls in parallel threads."""

from __future__ import annotations

import signal
import threading

import pytest

from tfdriver.concurrency import Task, default_parallelism, run_tasks, side_by_side


def test_calls_run_in_parallel_and_results_are_in_order():
    both_running = threading.Barrier(2, timeout=30)

    def wait(item):
        both_running.wait()
        return item

    assert side_by_side(wait, ["a", "b"]) == ["a", "b"]
    assert side_by_side(str, range(20)) == [str(number) for number in range(20)]
    assert side_by_side(str, []) == []


def test_the_first_exception_is_raised_after_all_calls_have_ended():
    ended = []

    def call(item):
        if item < 2:
            raise ValueError(item)
        ended.append(item)

    with pytest.raises(ValueError, match="0"):
        side_by_side(call, range(12))

    assert sorted(ended) == list(range(2, 12))


def test_ctrl_c_does_not_wait_for_a_call_without_a_response():
    response, ended = threading.Event(), []

    def call(_item):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        response.wait(20)
        ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(call, ["call"])

    assert ended == []
    response.set()


def task(name, done, after=(), error=None):
    """A task that notes its name in `done`, and then fails if there is an error."""

    def do(_ready):
        done.append(name)
        if error:
            raise error
        return name.upper()

    return Task(name, do, frozenset(after))


def test_a_task_starts_after_those_that_it_depends_on():
    done = []

    ran = run_tasks([task("c", done, "ab"), task("b", done, "a"), task("a", done)], 8)

    assert done == ["a", "b", "c"]
    assert (ran.results, ran.errors) == ({"c": "C", "b": "B", "a": "A"}, {})


def test_of_the_tasks_that_may_start_the_first_in_order_starts():
    done = []

    run_tasks([task("b", done, "x"), task("a", done, "x"), task("x", done), task("c", done)], 1)

    assert done == ["x", "b", "a", "c"]


def test_a_task_that_is_ready_lets_others_start_before_it_ends():
    tightened = threading.Event()

    def apply(ready):
        ready()
        assert tightened.wait(20)
        return "applied"

    tasks = [Task("tighten", lambda _: tightened.set(), frozenset({"apply"})), Task("apply", apply)]

    assert run_tasks(tasks, 2).results == {"tighten": None, "apply": "applied"}


def test_a_task_that_fails_after_it_was_ready_lets_started_tasks_finish():
    started, failed = threading.Event(), threading.Event()

    def apply(ready):
        ready()
        assert started.wait(20)
        failed.set()
        raise ValueError

    def tighten(_ready):
        started.set()
        assert failed.wait(20)
        return "exact"

    ran = run_tasks([Task("tighten", tighten, frozenset({"apply"})), Task("apply", apply)], 2)

    assert (ran.results, list(ran.errors)) == ({"tighten": "exact"}, ["apply"])


@pytest.mark.parametrize(("keep_going", "expected"), [(False, ["a"]), (True, ["a", "c", "d"])])
def test_after_an_error_no_other_task_starts_unless_to_keep_going(keep_going, expected):
    done = []
    tasks = [task("a", done, error=ValueError()), task("b", done, "a"), task("c", done), task("d", done, "c")]

    ran = run_tasks(tasks, 1, keep_going=keep_going)

    assert done == expected
    assert list(ran.errors) == ["a"]


def test_not_more_tasks_than_the_limit_run_at_once():
    running, most = [], []

    def do(_ready):
        running.append(1)
        most.append(len(running))
        threading.Event().wait(0.01)
        running.pop()

    run_tasks([Task(str(number), do) for number in range(12)], 3)

    assert max(most) == 3


def test_at_least_four_tasks_run_at_once():
    assert default_parallelism() >= 4
