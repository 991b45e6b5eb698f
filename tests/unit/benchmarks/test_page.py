"""The text of docs/performance.md, and medians."""

from __future__ import annotations

import pytest

from tests.benchmarks.competitors import COMPETITORS
from tests.benchmarks.exposure import Exposure
from tests.benchmarks.measure import Cost
from tests.benchmarks.page import Goal, goals, page
from tests.benchmarks.results import Key, Measured, OwnShare, medians

OWN = [OwnShare(10, 1.0, 60_000_000), OwnShare(100, 4.6, 69_000_000), OwnShare(1000, 44.2, 159_000_000)]


def figures(*sizes: int) -> dict[Key, Measured]:
    """Return figures of all operations: one root takes 20 s, everything else 10 s."""
    return {
        Key(size, competitor.name, operation): measured(20.0 if competitor.name == "one root" else 10.0)
        for size in sizes
        for competitor in COMPETITORS
        for operation in competitor.commands
    }


def measured(seconds: float, roles: int = 1) -> Measured:
    return Measured(Cost(seconds, 2 * seconds, 600_000_000), Exposure(seconds / 4, roles))


def test_medians_are_taken_of_each_figure():
    runs = [
        Measured(Cost(1, 9, 5), Exposure(2, 1)),
        Measured(Cost(2, 8, 6), Exposure(1, 1)),
        Measured(Cost(9, 1, 1), Exposure(3, 0)),
    ]

    assert medians(runs) == Measured(Cost(2, 8, 5), Exposure(2, 1))


def test_the_page_has_a_table_for_each_size():
    text = page(figures(1, 12), OWN, 3, "A machine.")

    assert "## 1 pair\n" in text
    assert "## 12 trusting accounts and 1 trusted role\n" in text
    assert "| up, without verify | 20.0 s, 40.0 cpu-s, 600 MB | 10.0 s, 20.0 cpu-s, 600 MB |" in text
    assert "| verify | - | - | 10.0 s, 20.0 cpu-s, 600 MB |" in text
    assert "| 1000 | 44.2 cpu-s | 159 MB | 44.0 ms, 100 kB |" in text


def test_goals_compare_with_the_other_competitors():
    found = {goal.what: goal for goal in goals(figures(1, 12), OWN)}

    assert found["1 pair: up / one root"].value == 0.5
    assert str(found["1 pair: verify"]) == "| 1 pair: verify | 10.00 s | 6 s | no |"
    assert str(found["12 accounts: roles ever broad"]) == "| 12 accounts: roles ever broad | 1.00 | 1 | yes |"
    assert found["1000 accounts: own time of a further account / of the first ones"].value == pytest.approx(1.1)


def test_goals_that_were_not_measured_are_left_out():
    assert goals(figures(12), OWN[:1])[0] == Goal("12 accounts: up / one root", 0.5, 0.6)
    assert goals({}, []) == []
