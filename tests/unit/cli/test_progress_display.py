"""What is told while it happens: on a terminal, and anywhere else."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from tfdriver.cli.progress_display import LiveProgress, PlainProgress
from tfdriver.terraform.events import Event, parse_line


def event(kind: str, **body: object) -> Event:
    found = parse_line(json.dumps({"@message": "Error: no\nwhy", "type": kind, **body}))
    assert found
    return found


def diagnostic(severity: str) -> Event:
    return event("diagnostic", diagnostic={"severity": severity, "summary": "no"})


def start(address: str) -> Event:
    return event("apply_start", hook={"resource": {"addr": address}, "action": "create"})


@pytest.fixture
def plain():
    return PlainProgress(Console(file=io.StringIO(), width=40))


@pytest.fixture
def live():
    console = Console(file=io.StringIO(), width=40, force_terminal=True, no_color=True)
    with LiveProgress(console) as progress:
        yield progress


def said(progress: PlainProgress) -> str:
    return progress._console.file.getvalue()


def below(progress: LiveProgress) -> str:
    """The live lines as they are now."""
    console = Console(file=io.StringIO(), width=40)
    console.print(progress._table())
    return console.file.getvalue()


def test_plain_lines_are_whole_however_narrow_the_terminal(plain):
    plain.started("account_a", "apply")
    plain.event("account_a", diagnostic("warning"))
    plain.ended("account_a", "apply", 61.25, "1 added, 0 changed, 0 removed")
    assert said(plain).splitlines() == [
        "  account_a: apply ...",
        "  account_a: Error: no why",
        "  account_a: apply done in 61.2 s: 1 added, 0 changed, 0 removed",
    ]


def test_errors_are_left_to_the_message_that_the_run_ends_with(plain):
    plain.event("account_a", diagnostic("error"))
    plain.failed("account_a", "apply", 3)
    assert said(plain) == "  account_a: apply not done after 3.0 s\n"


def test_a_live_line_fits_and_goes_when_the_work_fails(live):
    live.started("account_a", "apply")
    live.event("account_a", start("module.foo_bar.aws_dynamodb_table.this"))
    live.event("account_b", start("module.bar.aws_lambda_function.this"))
    assert [len(line.rstrip()) <= 40 for line in below(live).splitlines()] == [True]
    assert "account_a: apply 0 s  module.foo_b" in below(live)
    assert "lambda" not in below(live)
    live.failed("account_a", "apply", 3)
    assert below(live).strip() == ""
    assert "not done" in said(live)


def test_two_things_may_be_under_way_with_one_name(live):
    live.started("bar -> foo_bar", "a")
    live.started("bar -> foo_bar", "b")
    live.ended("bar -> foo_bar", "a", 1)
    assert "b 0 s" in below(live)
    assert "a 0 s" not in below(live)


def test_an_event_of_what_was_never_started_is_no_error(live):
    live.event("account_a", start("module.foo_bar.aws_iam_role.this"))
    assert below(live).strip() == ""
