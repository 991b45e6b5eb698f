"""Waiting until IAM returns what was applied."""

from __future__ import annotations

import pytest

from tests.fakes.world import FakeClock
from tests.unit.builders import BAR, FOO
from tfdriver.aws.consistency import LIMIT, wait_for_roles
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.waiting import Waiting


class RoleReader:
    """Returns for each role the next answer in its list, and the last one repeatedly."""

    def __init__(self, **answers) -> None:
        self.answers = answers

    def read_role(self, _account, name):
        answers = self.answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def live(role, arn=None) -> LiveRole:
    return LiveRole(arn or role.arn, "AROA1", {}, {})


def waiting(notes: list[str] | None = None, time: FakeClock | None = None) -> Waiting:
    return Waiting(LIMIT, (time or FakeClock()).clock(), tell=[].append if notes is None else notes.append)


def test_roles_that_are_returned_twice_in_a_row_are_accepted_without_a_note():
    notes: list[str] = []
    time = FakeClock()

    found = wait_for_roles([FOO, BAR], RoleReader(foo_bar=[live(FOO)], bar=[live(BAR)]), waiting(notes, time))

    assert found == {"foo_bar": live(FOO), "bar": live(BAR)}
    assert notes == []
    assert time.seconds < 1


def test_without_roles_nothing_is_waited_for():
    time = FakeClock()

    assert wait_for_roles([], RoleReader(), waiting(time=time)) == {}
    assert time.seconds == 0


def test_inconsistent_results_are_noted_once_and_the_role_is_read_again():
    notes: list[str] = []
    answers = [None, live(BAR), None, Unreadable("throttled"), live(BAR)]

    found = wait_for_roles([BAR], RoleReader(bar=answers), waiting(notes))

    assert found == {"bar": live(BAR)}
    assert notes == ["IAM does not return the role"]


def test_a_role_that_is_never_returned_is_an_error():
    time = FakeClock()

    with pytest.raises(TfdriverError, match="role bar in account_b: ") as raised:
        wait_for_roles([BAR], RoleReader(bar=[None]), waiting(time=time))

    assert raised.value.code == "iam_not_consistent"
    assert time.seconds >= LIMIT


def test_a_role_with_another_path_is_an_error_at_once():
    time = FakeClock()
    moved = live(BAR, "arn:aws:iam::222222222222:role/team/bar")

    with pytest.raises(TfdriverError, match=r"its ARN is \S+/team/bar, the spec says .* Correct `path:`") as raised:
        wait_for_roles([BAR], RoleReader(bar=[moved]), waiting(time=time))

    assert raised.value.code == "wrong_role_arn"
    assert time.seconds == 0


def test_an_interrupt_stops_the_waiting():
    def stop() -> None:
        raise TfdriverError("stopped by SIGINT", code="interrupted")

    with pytest.raises(TfdriverError, match="stopped by SIGINT"):
        wait_for_roles([BAR], RoleReader(bar=[None]), Waiting(LIMIT, FakeClock().clock(), stop))
