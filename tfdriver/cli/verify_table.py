"""The checks of `tfdriver verify` as lines for people: words and marks, colour only on top."""

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
}


def matrix(verified: Verified) -> Iterator[str]:
    """Yield a line of markup per check, grouped by role and pair, in the order of the checks."""
    for pair, checks in groupby(verified.checks, lambda check: check.pair):
        yield f"[bold]{escape(str(pair))}[/bold]"
        for check in checks:
            yield f"  {_MARKS[check.verdict]} {escape(_words(check))}"


def _words(check: CheckResult) -> str:
    """Return what was tried and what happened; if that was not what was expected, also that, and the evidence."""
    if check.verdict is CheckStatus.PASSED:
        return f"{check.tried}: {check.happened}"
    wanted = f"expected {check.expected}, but " if check.expected else ""
    item = f"; item {check.evidence.item_key}" if check.evidence.item_key else ""
    request = f"; request id {check.evidence.request_id}" if check.evidence.request_id else ""
    return f"{check.tried}: {wanted}{check.happened}{item}{request}"
