"""Checking repeatedly until conditions hold."""

from __future__ import annotations

import threading
import time

import pytest

from tests.fakes.world import FakeClock
from tfdriver.clock import Clock
from tfdriver.interrupts import InterruptedRunError, Interrupts
from tfdriver.waiting import Look, Poll, Waiting, poll, wait_together

GOOD, BAD, HOPELESS = Look(True), Look(False), Look(False, hopeless=True)


def polled(limit: float, in_a_row: int = 3, cost: float = 0.0, **answers: list[Look]):
    """Return what each condition did, the number of checks, and the seconds that passed. The last answer repeats."""
    time, checks = FakeClock(), 0

    def check():
        nonlocal checks
        time.sleep(cost)
        found = {name: given[min(checks, len(given) - 1)] for name, given in answers.items()}
        checks += 1
        return found

    held = poll(check, Waiting(limit, time.clock()), in_a_row)
    return held, checks, time.seconds


def test_polling_ends_after_three_good_checks_in_a_row():
    held, checks, seconds = polled(120, thing=[GOOD])

    assert (held["thing"].streak, checks, held["thing"].waited) == (3, 3, False)
    assert seconds < 2


def test_a_bad_check_restarts_the_count():
    held, checks, _ = polled(120, thing=[GOOD, GOOD, BAD, GOOD])

    assert (held["thing"].streak, checks) == (3, 6)
    assert held["thing"].waited
    assert 0 < held["thing"].first < held["thing"].seconds


def test_polling_ends_at_the_limit():
    held, checks, seconds = polled(10, thing=[BAD])

    assert held["thing"].streak == 0
    assert 10 <= seconds < 17
    assert checks > 3


def test_a_hopeless_condition_ends_polling_at_once():
    assert polled(120, thing=[HOPELESS])[1] == 1


def test_a_good_condition_gets_its_checks_after_the_limit():
    held, checks, _ = polled(0, good=[GOOD], bad=[BAD])

    assert (held["good"].streak, held["bad"].streak, checks) == (3, 0, 3)


def test_each_condition_has_its_own_count():
    held, checks, _ = polled(120, early=[GOOD], late=[BAD, BAD, GOOD])

    assert (held["early"].streak, held["late"].streak, checks) == (5, 3, 5)


def test_a_condition_is_checked_for_its_span():
    held, checks, seconds = polled(120, thing=[Look(True, span=3.0)])

    assert held["thing"].last - held["thing"].first >= 3.0
    assert checks > 3
    assert 3.0 <= seconds < 8


def test_a_bad_check_restarts_the_span():
    lasting = Look(True, span=3.0)

    held, _, seconds = polled(120, thing=[lasting, lasting, BAD, lasting])

    assert held["thing"].first > 0
    assert seconds >= held["thing"].first + 3.0


def test_a_good_condition_gets_its_span_after_the_limit():
    held, _, seconds = polled(0, thing=[Look(True, span=3.0)])

    assert seconds >= 3.0
    assert held["thing"].enough(3, 3.0)


def test_slow_checks_that_cover_the_span_are_not_repeated():
    assert polled(120, cost=4.0, thing=[Look(True, span=3.0)])[1] == 3


def test_seconds_include_the_time_of_the_check():
    held, _, _ = polled(120, in_a_row=1, cost=4.0, thing=[GOOD])

    assert held["thing"].seconds == 4.0
    assert held["thing"].first == 0.0


def test_an_interrupt_ends_polling():
    interrupts = Interrupts()

    def check():
        interrupts.request()
        return {"thing": BAD}

    with pytest.raises(InterruptedRunError):
        poll(check, Waiting(120, FakeClock().clock(), interrupts.check), 3)


def test_the_last_check_comes_right_after_the_span():
    assert polled(120, thing=[Look(True, span=3.0)])[2] == pytest.approx(3.0, abs=0.1)


def test_checks_without_a_span_keep_their_distance():
    assert polled(120, in_a_row=2, thing=[GOOD])[2] >= 0.14


FAST = Clock(monotonic=lambda: 20 * time.monotonic(), sleep=lambda seconds: time.sleep(seconds / 20))


def test_many_polls_wait_at_the_same_time_with_few_checks_in_progress():
    lock, running, most = threading.Lock(), 0, 0

    def look():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return {"refused": Look(True, span=3.0)}

    polls = [Poll(look, Waiting(120, FAST), 3) for _ in range(24)]
    started = FAST.monotonic()
    wait_together([poll.check for poll in polls], FAST, limit=2)
    seconds = FAST.monotonic() - started

    assert all(poll.held["refused"].enough(3, 3.0) for poll in polls)
    assert seconds < 18  # 12 times 3 s, if two polls waited at a time
    assert most == 2


def test_polls_that_wait_together_have_their_own_results():
    def answers(*looks: Look):
        left = list(looks)
        return lambda: {"": left.pop(0) if len(left) > 1 else left[0]}

    good, late, hopeless = (
        Poll(answers(*looks), Waiting(120, FAST), 2) for looks in ([GOOD], [BAD, BAD, GOOD], [HOPELESS])
    )
    wait_together([poll.check for poll in (good, late, hopeless)], FAST)

    assert [poll.held[""].streak for poll in (good, late, hopeless)] == [2, 2, 0]
    assert late.held[""].waited
    assert not good.held[""].waited


def test_an_error_of_one_poll_is_raised_after_the_others():
    done = []

    def fail():
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        wait_together([fail, lambda: done.append("checked")], FAST)

    assert done == ["checked"]
    wait_together([], FAST)
