"""Waiting until AWS shows what was applied."""

from __future__ import annotations

import pytest

from tests.fakes.world import FakeClock
from tests.unit.builders import BAR, FOO
from tfdriver.aws.consistency import LIMIT, wait_for_roles
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.waiting import Waiting


class RoleReader:
    """An AWS that shows of each role what stands next in its list, the last one for ever."""

    def __init__(self, **shown) -> None:
        self.shown = shown

    def look(self, _account, name):
        answers = self.shown[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def live(role, arn=None) -> LiveRole:
    return LiveRole(arn or role.arn, "AROA1", {}, {})


def waiting(said: list[str] | None = None, time: FakeClock | None = None) -> Waiting:
    return Waiting(LIMIT, (time or FakeClock()).clock(), tell=[].append if said is None else said.append)


def test_what_is_shown_twice_in_a_row_is_believed_and_nothing_is_said():
    said: list[str] = []
    time = FakeClock()
    found = wait_for_roles([FOO, BAR], RoleReader(foo_bar=[live(FOO)], bar=[live(BAR)]), waiting(said, time))
    assert found == {"foo_bar": live(FOO), "bar": live(BAR)}
    assert said == []
    assert time.seconds < 1


def test_a_role_that_flickers_is_looked_at_again_and_that_is_said_once():
    said: list[str] = []
    answers = [None, live(BAR), None, Unreadable("throttled"), live(BAR)]
    assert wait_for_roles([BAR], RoleReader(bar=answers), waiting(said)) == {"bar": live(BAR)}
    assert said == ["AWS does not show it"]


def test_a_role_that_never_comes():
    time = FakeClock()
    with pytest.raises(TfdriverError, match="role bar in account_b: AWS does not show it"):
        wait_for_roles([BAR], RoleReader(bar=[None]), waiting(time=time))
    assert time.seconds >= LIMIT


def test_a_role_with_another_path_is_not_waited_for():
    time = FakeClock()
    moved = live(BAR, "arn:aws:iam::222222222222:role/team/bar")
    with pytest.raises(TfdriverError, match=r"AWS shows it as \S+/team/bar, the spec says .* Correct `path:`"):
        wait_for_roles([BAR], RoleReader(bar=[moved]), waiting(time=time))
    assert time.seconds == 0


def test_who_is_asked_to_stop_waits_no_longer():
    def stop() -> None:
        raise TfdriverError("stopped by SIGINT", code="interrupted")

    with pytest.raises(TfdriverError, match="stopped by SIGINT"):
        wait_for_roles([BAR], RoleReader(bar=[None]), Waiting(LIMIT, FakeClock().clock(), stop))
