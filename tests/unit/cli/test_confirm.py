"""The question before a run changes something."""

from __future__ import annotations

import io
import sys

import pytest

from tfdriver.cli.confirm import confirmation
from tfdriver.cli.printer import Output
from tfdriver.deploy.overview import AccountView, Overview
from tfdriver.deploy.plan_view import Counts, PhasePlan, Planned, ResourceChange
from tfdriver.errors import TfdriverError

ACCOUNT = AccountView(name="account_b", id="222222222222", profile="b", region="us-west-2", caller="arn")
OVERVIEW = Overview("p", "up", "1.11", "", (ACCOUNT,), (), ())
NOTHING = Planned(OVERVIEW, ())
CHANGE = ResourceChange("delete", "module.bar.aws_iam_role.this")
PLANNED = Planned(
    OVERVIEW, (PhasePlan("connect", "account_b", "account_b", "222222222222", Counts(delete=1), (CHANGE,)),)
)
QUESTION = "Connect account_b as shown, and delete 1 resource? [y/N]: "


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def confirm(monkeypatch, answer: str, planned: Planned, *, yes: bool = False) -> bool:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    return confirmation(Output(), yes)(planned)


def test_without_a_terminal_yes_is_required(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    with pytest.raises(TfdriverError) as caught:
        confirmation(Output(), yes=False)

    assert caught.value.code == "confirmation_required"
    assert confirmation(Output(), yes=True)(PLANNED) is False


def test_everything_planned_is_printed_before_the_question(monkeypatch, capsys):
    assert confirm(monkeypatch, "y\n", PLANNED) is True

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith(QUESTION)
    assert [line for line in printed.err.splitlines() if "module.bar" in line] == [
        "    - delete module.bar.aws_iam_role.this",
        "  account_b: delete module.bar.aws_iam_role.this",
    ]


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_any_other_answer_stops_the_run(monkeypatch, answer):
    with pytest.raises(TfdriverError) as caught:
        confirm(monkeypatch, answer, PLANNED)

    assert caught.value.code == "not_confirmed"


def test_nothing_is_asked_if_nothing_is_to_be_done(monkeypatch, capsys):
    assert confirm(monkeypatch, "", NOTHING) is True

    assert capsys.readouterr().err.endswith("Nothing to do for the compositions of this run.\n")


def test_with_yes_everything_is_printed_and_nothing_is_asked(monkeypatch, capsys):
    assert confirm(monkeypatch, "", PLANNED, yes=True) is False

    printed = capsys.readouterr().err
    assert "module.bar" in printed
    assert "?" not in printed
