"""Looking again until something holds."""

from __future__ import annotations

import pytest

from tests.fakes.world import FakeClock
from tfdriver.interrupts import InterruptedRunError, Interrupts
from tfdriver.waiting import Look, Waiting, poll

GOOD, BAD, HOPELESS = Look(True), Look(False), Look(False, hopeless=True)


def polled(limit: float, in_a_row: int = 3, cost: float = 0.0, **answers: list[Look]):
    time, looks = FakeClock(), 0

    def look():
        nonlocal looks
        time.sleep(cost)
        found = {name: given[min(looks, len(given) - 1)] for name, given in answers.items()}
        looks += 1
        return found

    held = poll(look, Waiting(limit, time.clock(), lambda: None), in_a_row)
    return held, looks, time.seconds


def test_good_three_times_in_a_row_ends_it():
    held, looks, seconds = polled(120, thing=[GOOD])
    assert (held["thing"].streak, looks, held["thing"].waited) == (3, 3, False)
    assert seconds < 2


def test_a_setback_starts_the_count_again():
    held, looks, _ = polled(120, thing=[GOOD, GOOD, BAD, GOOD])
    assert (held["thing"].streak, looks) == (3, 6)
    assert held["thing"].waited
    assert 0 < held["thing"].first < held["thing"].seconds


def test_what_never_gets_good_ends_with_the_time():
    held, looks, seconds = polled(10, thing=[BAD])
    assert held["thing"].streak == 0
    assert 10 <= seconds < 17
    assert looks > 3


def test_what_is_hopeless_ends_at_once():
    assert polled(120, thing=[HOPELESS])[1] == 1


def test_without_time_good_things_still_get_their_looks():
    held, looks, _ = polled(0, good=[GOOD], bad=[BAD])
    assert (held["good"].streak, held["bad"].streak, looks) == (3, 0, 3)


def test_each_thing_is_counted_by_itself():
    held, looks, _ = polled(120, early=[GOOD], late=[BAD, BAD, GOOD])
    assert (held["early"].streak, held["late"].streak, looks) == (5, 3, 5)


def test_what_must_last_is_looked_at_for_that_long():
    held, looks, seconds = polled(120, thing=[Look(True, span=3.0)])
    assert held["thing"].last - held["thing"].first >= 3.0
    assert (looks > 3, 3.0 <= seconds < 8) == (True, True)


def test_a_setback_starts_the_span_again():
    lasting = Look(True, span=3.0)
    held, _, seconds = polled(120, thing=[lasting, lasting, BAD, lasting])
    assert held["thing"].first > 0
    assert seconds >= held["thing"].first + 3.0


def test_without_time_what_must_last_still_gets_it():
    held, _, seconds = polled(0, thing=[Look(True, span=3.0)])
    assert seconds >= 3.0
    assert held["thing"].enough(3, 3.0)


def test_slow_looks_need_be_no_more():
    assert polled(120, cost=4.0, thing=[Look(True, span=3.0)])[1] == 3


def test_the_time_a_look_takes_counts():
    held, _, _ = polled(120, in_a_row=1, cost=4.0, thing=[GOOD])
    assert held["thing"].seconds == 4.0
    assert held["thing"].first == 0.0


def test_an_interrupt_ends_the_waiting():
    interrupts = Interrupts()

    def look():
        interrupts.request()
        return {"thing": BAD}

    with pytest.raises(InterruptedRunError):
        poll(look, Waiting(120, FakeClock().clock(), interrupts.check), 3)
