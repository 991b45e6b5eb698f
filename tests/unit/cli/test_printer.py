"""Printed text: wrapped on a terminal, whole lines in a pipe."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime

import pytest

from tests.unit.verify.test_judge import INTRUDER, judged
from tfdriver.cli.plan import print_plan
from tfdriver.cli.printer import Output
from tfdriver.cli.run_text import print_run
from tfdriver.cli.verify_table import check_lines
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.plan_view import Counts, PhasePlan, Planned, ResourceChange
from tfdriver.deploy.run_result import RoleTrust, RunResult
from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus, Verified
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.project.timeline import Exposure

ROLE = RoleTrust("foo_bar", "account_a", "arn", "exact", "exact: trusts 222222222222:role/bar")
OPENED = datetime(2026, 1, 2, tzinfo=UTC)
OPEN = Exposure("foo_bar", "account_a", "account 222222222222, only as role/bar", True, OPENED, OPENED, 14.0)
CHECKS = (judged(INTRUDER, "intruder", 0), judged(INTRUDER, "intruder", 3))
ADDRESS = "module.a_role_with_a_long_name.aws_iam_role_policy_attachment.permissions"
PLANNED = Planned(
    Overview("p", "plan", "1.11", "", (), (), ()),
    (
        PhasePlan("connect", "account_b", "account_b", "222222222222", Counts(1), (ResourceChange("create", ADDRESS),)),
        PhasePlan("tighten", "account_a", "account_a", "111111111111", Counts()),
    ),
)
DONE = RunResult(Exit.DONE, "1 of 1 applies", (), (ROLE,), exposures=(OPEN,), verified=Verified(0, "2", CHECKS, "No"))


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def printed(monkeypatch: pytest.MonkeyPatch, width: int, *, terminal: bool) -> tuple[list[str], list[str]]:
    """The lines on stdout and on stderr."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    out, err = Stream(terminal), Stream(terminal)
    with redirect_stdout(out), redirect_stderr(err):
        output = Output()
        output.result("up", DONE, print_run)
        output.result("plan", PLANNED, print_plan)
        output.error("up", TfdriverError("something " * 20, code="io_error", hint="Do " * 30))
    plain = (re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()) for stream in (out, err))
    stdout, stderr = (text.splitlines() for text in plain)
    return stdout, stderr


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_on_a_terminal_lines_break_between_words(monkeypatch, width):
    out, err = printed(monkeypatch, width, terminal=True)

    assert max(len(line.rstrip()) for line in [*out, *err]) <= width
    words = " ".join(out).split()
    assert [w for w in ("foo_bar", "guarded,", "222222222222:role/bar", "role/bar") if w not in words] == []


def test_in_a_pipe_lines_are_not_wrapped(monkeypatch):
    out, err = printed(monkeypatch, 60, terminal=False)

    assert str(OPEN) in out
    assert len([line for line in out if "the operator's identity" in line and "AccessDenied" in line]) == len(CHECKS)
    assert [line.split()[0] for line in err] == ["error[io_error]:", "Do"]
    assert [line for line in out if line != line.rstrip()] == []


def test_a_check_that_did_not_pass_is_printed_once_with_its_evidence(monkeypatch):
    out, _ = printed(monkeypatch, 60, terminal=False)

    (line,) = [line for line in out if "request id" in line or "INCONCLUSIVE" in line]
    assert line.startswith(
        "  ? INCONCLUSIVE the operator's identity in account_b assumes role foo_bar in account_a: expected "
    )
    assert line.endswith("; request id id of intruder")


def test_a_check_by_policy_is_printed_with_what_was_expected():
    policy = CheckResult(
        CheckedRoles("foo_bar", "bar"), "assume", "bar assumes foo_bar", "allowed", "it does", CheckStatus.BY_POLICY
    )
    *_, line = check_lines(Verified(Exit.DONE, "1 check", (policy,), "nothing"))
    assert line == "  [yellow]~ by policy[/yellow] bar assumes foo_bar: expected allowed; it does"


def test_an_error_prints_cause_open_trust_and_hint_on_a_line_each(capsys):
    error = OpenTrustError(
        "it failed",
        code="terraform_failed",
        where="role x in a",
        in_force="In force now: everything",
        hint="Run it again",
    )

    Output(as_json=True).error("up", error)

    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "error[terraform_failed]: role x in a: it failed",
        "  In force now: everything",
        "  Run it again",
    ]
    assert json.loads(printed.out)["error"] == {
        "code": "terraform_failed",
        "what": "it failed",
        "where": "role x in a",
        "hint": "Run it again",
        "in_force": "In force now: everything",
    }


def test_a_plan_prints_a_line_per_change(capsys):
    Output().result("plan", PLANNED, print_plan)

    assert capsys.readouterr().out.splitlines() == [
        "phase 2 (connect), account_b (222222222222): 1 to create",
        f"    + create {ADDRESS}",
        "phase 3 (tighten), account_a (111111111111): no changes",
        "In all: 1 to create.",
    ]


def test_a_recording_is_one_file_without_references_to_others(tmp_path, capsys):
    output = Output(record=True)
    with output.progress() as progress:
        progress.phase("phase 1 & 2")
    output.result("x", "a result", lambda text, to: to.out.print(text))

    output.save_recording(tmp_path / "x.svg", "a title")

    drawn = (tmp_path / "x.svg").read_text().replace("&#160;", " ")
    assert all(words in drawn for words in ("a title", "phase 1 &amp; 2", "a result"))
    assert "font-face" not in drawn
    assert "phase 1 & 2" in capsys.readouterr().err
