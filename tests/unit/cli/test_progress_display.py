"""Progress on a terminal, and in plain lines elsewhere."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from tfdriver.cli.progress_display import LiveProgress, PlainProgress
from tfdriver.terraform.events import LOCKED, STOPPING, Event, parse_line


def event(kind: str, **body: object) -> Event:
    found = parse_line(json.dumps({"@message": "Error: no\nwhy", "type": kind, **body}))
    assert found
    return found


def diagnostic(severity: str) -> Event:
    return event("diagnostic", diagnostic={"severity": severity, "summary": "no"})


def start(address: str) -> Event:
    return event("apply_start", hook={"resource": {"addr": address}, "action": "create"})


def complete(address: str) -> Event:
    return event("apply_complete", hook={"resource": {"addr": address}, "action": "create", "elapsed_seconds": 2})


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


def live_lines(progress: LiveProgress, width: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width)
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


def test_two_actions_with_the_same_name_share_a_live_line(live):
    live.started("bar -> foo_bar", "a")
    live.started("bar -> foo_bar", "b")
    live.started("account_a", "plan")

    both, other = live_lines(live, width=60).splitlines()

    assert "bar -> foo_bar: a 0 s (and 1 more in progress)" in both
    assert "account_a: plan 0 s" in other

    live.ended("bar -> foo_bar", "a", 1)

    assert "bar -> foo_bar: b 0 s" in live_lines(live)
    assert "a 0 s" not in live_lines(live)


def test_a_terminal_gets_one_line_per_finished_action_and_all_warnings(live):
    live.started("account_a", "apply")
    live.event("account_a", start("module.foo_bar.aws_iam_role.this"))
    live.event("account_a", complete("module.foo_bar.aws_iam_role.this"))
    live.event("account_a", diagnostic("warning"))
    live.ended("account_a", "apply", 3)

    assert "Error: no why" in printed(live)
    assert "created" not in printed(live)
    assert printed(live).count("account_a: apply done in 3.0 s") == 1


def test_the_lines_of_simultaneous_actions_are_not_mixed(plain):
    plain.started("account_a", "apply")
    plain.started("account_b", "apply")
    plain.event("account_a", complete("aws_iam_role.a"))
    plain.event("account_b", complete("aws_iam_role.b"))
    plain.event("account_a", complete("aws_iam_policy.a"))
    plain.ended("account_a", "apply", 3)
    plain.event("account_b", complete("aws_iam_policy.b"))

    assert printed(plain).splitlines() == [
        "  account_a: apply ...",
        "  account_a: created aws_iam_role.a (2 s)",
        "  account_a: created aws_iam_policy.a (2 s)",
        "  account_a: apply done in 3.0 s",
        "  account_b: apply ...",
        "  account_b: created aws_iam_role.b (2 s)",
        "  account_b: created aws_iam_policy.b (2 s)",
    ]


@pytest.mark.parametrize(
    ("urgent", "words"),
    [
        (diagnostic("warning"), "Error: no why"),
        (event(LOCKED), "waiting: another Terraform holds the lock"),
        (Event(STOPPING, "stopping Terraform"), "stopping Terraform"),
    ],
)
def test_warnings_and_reasons_for_waiting_are_printed_at_once(plain, urgent, words):
    plain.started("account_a", "apply")
    plain.started("account_b", "apply")
    plain.event("account_b", urgent)

    assert words in printed(plain)
    assert "account_b: apply ..." not in printed(plain)


def test_kept_lines_are_printed_when_the_run_ends_early(plain):
    with plain:
        plain.started("account_a", "apply")
        plain.started("account_b", "apply")
        plain.event("account_b", complete("aws_iam_role.b"))

    assert printed(plain).splitlines()[1:] == ["  account_b: apply ...", "  account_b: created aws_iam_role.b (2 s)"]


def test_a_change_without_an_action_is_printed(plain):
    plain.event("account_a", complete("aws_iam_role.a"))

    assert printed(plain) == "  account_a: created aws_iam_role.a (2 s)\n"


def test_an_event_without_an_action_is_ignored(live):
    live.event("account_a", start("module.foo_bar.aws_iam_role.this"))

    assert live_lines(live).strip() == ""
