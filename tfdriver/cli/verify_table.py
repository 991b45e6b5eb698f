"""Formats the checks of `tfdriver verify` as lines that are readable without colour."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.markup import escape

from tfdriver.cli.grouping import Item, grouped
from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus, Verified

_MARKS = {
    CheckStatus.PASSED: "[green]+ passed[/green]",
    CheckStatus.FAILED: "[bold red]X FAILED[/bold red]",
    CheckStatus.INCONCLUSIVE: "[bold yellow]? INCONCLUSIVE[/bold yellow]",
    CheckStatus.NOT_PROBED: "[yellow]- not probed[/yellow]",
    CheckStatus.BY_POLICY: "[yellow]~ by policy[/yellow]",
}


def check_lines(verified: Verified) -> Iterator[str]:
    """Yield a line of markup per check, below a heading for each pair or group of pairs with the same checks."""
    by_pair = groupby(verified.checks, lambda check: check.pair)
    for group in grouped(_item(pair, list(checks)) for pair, checks in by_pair):
        heading, *found = group.shown
        yield f"[bold]{escape(f'{group.label}: {heading}' if group.label else heading)}[/bold]"
        yield from found


def _item(pair: CheckedRoles, checks: list[CheckResult]) -> Item[tuple[str, ...]]:
    """Return the lines of a pair. Pairs in a group differ in the trusting role's account, or in the trusted one's."""
    account = pair.trusting.partition("@")[2] or pair.trusted.partition("@")[2]
    found = (f"  {_MARKS[check.verdict]} {escape(_description(check))}" for check in checks)
    odd = any(check.verdict is not CheckStatus.PASSED for check in checks)
    return Item(account or str(pair), (str(pair), *found), account, attention=odd)


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
