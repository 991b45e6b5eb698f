"""Progress on a terminal, and in plain lines elsewhere."""

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


def printed(progress: PlainProgress) -> str:
    return progress._console.file.getvalue()


def live_lines(progress: LiveProgress) -> str:
    console = Console(file=io.StringIO(), width=40)
    console.print(progress._table())
    return console.file.getvalue()


def test_plain_lines_are_not_wrapped(plain):
    plain.started("account_a", "apply")
    plain.event("account_a", diagnostic("warning"))
    plain.ended("account_a", "apply", 61.25, "1 added, 0 changed, 0 destroyed")

    assert printed(plain).splitlines() == [
        "  account_a: apply ...",
        "  account_a: Error: no why",
        "  account_a: apply done in 61.2 s: 1 added, 0 changed, 0 destroyed",
    ]


def test_errors_of_terraform_are_not_reported_as_progress(plain):
    plain.event("account_a", diagnostic("error"))
    plain.failed("account_a", "apply", 3)

    assert printed(plain) == "  account_a: apply failed after 3.0 s\n"


def test_a_live_line_fits_the_terminal_and_ends_when_the_action_fails(live):
    live.started("account_a", "apply")
    live.event("account_a", start("module.foo_bar.aws_dynamodb_table.this"))
    live.event("account_b", start("module.bar.aws_lambda_function.this"))

    assert [len(line.rstrip()) <= 40 for line in live_lines(live).splitlines()] == [True]
    assert "account_a: apply 0 s  module.foo_b" in live_lines(live)
    assert "lambda" not in live_lines(live)

    live.failed("account_a", "apply", 3)

    assert live_lines(live).strip() == ""
    assert "apply failed" in printed(live)


def test_two_actions_with_the_same_name_may_be_in_progress(live):
    live.started("bar -> foo_bar", "a")
    live.started("bar -> foo_bar", "b")
    live.ended("bar -> foo_bar", "a", 1)

    assert "b 0 s" in live_lines(live)
    assert "a 0 s" not in live_lines(live)


def test_an_event_without_an_action_is_ignored(live):
    live.event("account_a", start("module.foo_bar.aws_iam_role.this"))

    assert live_lines(live).strip() == ""
