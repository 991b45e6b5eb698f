"""Calls in parallel threads."""

from __future__ import annotations

import signal
import threading

import pytest

from tfdriver.concurrency import side_by_side


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
