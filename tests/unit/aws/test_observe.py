"""Doing things side by side."""

from __future__ import annotations

import signal
import threading

import pytest

from tfdriver.concurrency import side_by_side


def test_results_are_in_order_and_things_are_done_at_the_same_time():
    both = threading.Barrier(2, timeout=30)
    assert side_by_side(lambda item: (both.wait(), item)[1], ["a", "b"]) == ["a", "b"]
    assert side_by_side(str, range(20)) == [str(number) for number in range(20)]
    assert side_by_side(str, []) == []


def test_the_first_exception_is_raised_once_all_have_ended():
    ended = []

    def do(item):
        if item < 2:
            raise ValueError(item)
        ended.append(item)

    with pytest.raises(ValueError, match="0"):
        side_by_side(do, range(12))
    assert sorted(ended) == list(range(2, 12))


def test_ctrl_c_does_not_wait_for_a_call_that_nobody_answers():
    answered, ended = threading.Event(), []

    def do(_item):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        answered.wait(20)
        ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(do, ["call"])
    assert ended == []
    answered.set()
