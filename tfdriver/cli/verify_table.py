"""Formats the checks of `tfdriver verify` as lines that are readable without colour."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.markup import escape

from tfdriver.deploy.verify_result import CheckResult, CheckStatus, Verified

_MARKS = {
    CheckStatus.PASSED: "[green]+ passed[/green]",
    CheckStatus.FAILED: "[bold red]X FAILED[/bold red]",
    CheckStatus.INCONCLUSIVE: "[bold yellow]? INCONCLUSIVE[/bold yellow]",
    CheckStatus.NOT_PROBED: "[yellow]- not probed[/yellow]",
    CheckStatus.BY_POLICY: "[yellow]~ by policy[/yellow]",
}


def check_lines(verified: Verified) -> Iterator[str]:
    """Yield a line of markup per check, below a heading for each pair."""
    for pair, checks in groupby(verified.checks, lambda check: check.pair):
        yield f"[bold]{escape(str(pair))}[/bold]"
        for check in checks:
            yield f"  {_MARKS[check.verdict]} {escape(_description(check))}"


def _description(check: CheckResult) -> str:
    """Return the attempt and its result; with the expected result and the evidence if the check did not pass."""
    if check.verdict is CheckStatus.PASSED:
        return f"{check.tried}: {check.happened}"
    if check.verdict is CheckStatus.BY_POLICY:
        return f"{check.tried}: expected {check.expected}; {check.happened}"
    expected = f"expected {check.expected}, but " if check.expected else ""
    item = f"; item {check.evidence.item_key}" if check.evidence.item_key else ""
    request = f"; request id {check.evidence.request_id}" if check.evidence.request_id else ""
    return f"{check.tried}: {expected}{check.happened}{item}{request}"
