"""The checks of `tfdriver verify` as a table for people: words and marks, colour only on top."""

from __future__ import annotations

from itertools import groupby

from rich import box
from rich.markup import escape
from rich.table import Table

from tfdriver.deploy.verified import CheckResult, CheckStatus, Verified

_MARKS = {
    CheckStatus.PASSED: "[green]+ passed[/green]",
    CheckStatus.FAILED: "[bold red]X FAILED[/bold red]",
    CheckStatus.INCONCLUSIVE: "[bold yellow]? INCONCLUSIVE[/bold yellow]",
    CheckStatus.NOT_PROBED: "[yellow]- not probed[/yellow]",
}


_WIDE = 110  # columns; with fewer, five would cut names into pieces


def matrix(verified: Verified, width: int) -> Table:
    """Return the table, grouped by role and pair, in the order of the checks. width: columns that there are."""
    return _table(verified) if width >= _WIDE else _list(verified)


def _list(verified: Verified) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for pair, checks in groupby(verified.checks, lambda check: check.pair):
        table.add_row("", f"[bold]{escape(str(pair))}[/bold]")
        for check in checks:
            wanted = (
                "" if check.verdict is CheckStatus.PASSED or not check.expected else f"expected {check.expected}, but "
            )
            table.add_row(_MARKS[check.verdict], escape(f"{check.tried}: {wanted}{check.happened}"))
    return table


def _table(verified: Verified) -> Table:
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("what was tried", ratio=3, overflow="fold")
    table.add_column("expected", ratio=2, overflow="fold")
    table.add_column("what happened", ratio=3, overflow="fold")
    table.add_column("s", justify="right", no_wrap=True)
    before = None
    for check in verified.checks:
        if check.pair != before:
            table.add_row("", f"[bold]{escape(str(check.pair))}[/bold]", "", "", "")
            before = check.pair
        cells = (escape(text) for text in (check.tried, check.expected, check.happened))
        table.add_row(_MARKS[check.verdict], *cells, f"{check.seconds:.1f}" if check.seconds else "")
    return table


def complaint(check: CheckResult) -> str:
    """Return, in markup, one paragraph on a check that did not pass: its name and the evidence there is."""
    evidence = check.evidence
    parts = [f"{_MARKS[check.verdict]} {escape(check.name)} ({escape(str(check.pair))}): {escape(check.happened)}"]
    if evidence.item_key:
        parts.append(f"item {escape(evidence.item_key)}")
    if evidence.request_id:
        parts.append(f"request id {escape(evidence.request_id)}")
    return "; ".join(parts)
