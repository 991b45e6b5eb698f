"""Prints what a run is going to change, in Terraform's notation and colors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from tfdriver.cli.printer import PHASES, Output
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.plan_view import (
    SENSITIVE,
    UNKNOWN,
    AttributeChange,
    Counts,
    PhasePlan,
    Planned,
    PolicyChange,
    ResourceChange,
)
from tfdriver.iam.policy_diff import diff_lines
from tfdriver.redaction import clean

# Symbol, color and words of each action. Symbols and colors are Terraform's.
_ACTIONS = {
    "create": ("+", "green", "create"),
    "update": ("~", "yellow", "update"),
    "replace": ("-/+", "red", "replace (delete, then create)"),
    "create_then_delete": ("+/-", "red", "replace (create, then delete the old one)"),
    "delete": ("-", "red", "delete"),
    "adopt": (" ", "cyan", "adopt"),
    "move": (" ", "cyan", "change the address in the state of"),
    "forget": (".", "red", "remove from the state, but not from AWS,"),
}
_COLORS = {"+": "green", "-": "red", "~": "yellow"}
_LONGEST = 120  # characters of an attribute's value


def print_overview(overview: Overview, output: Output) -> None:
    """Print the accounts and the trusts now, on stderr."""
    console = output.err
    action = f"{overview.action} with Terraform {overview.terraform}"
    console.print(f"[bold]{escape(overview.project)}[/bold]: {escape(action)}")
    if overview.endpoint:
        console.print(f"[yellow]AWS_ENDPOINT_URL is set: AWS is {escape(overview.endpoint)}[/yellow]")
    for account in overview.accounts:
        console.print(f"  {account.name} = {account.id}, {account.region}, as {escape(account.caller)}")
    for role in overview.roles:
        console.print(f"  role {role.role} in {role.account} now: {escape(role.now)}")


def print_planned(planned: Planned, console: Console) -> None:
    """Print the changes of each phase and composition, and the deletions among them once more."""
    for phase in planned.phases:
        name = f"{PHASES[phase.phase]} ({phase.phase})" if phase.phase in PHASES else phase.phase
        title = f"{name}, {_place(phase)}: "
        console.print(Text.assemble((title, "bold"), counts_text(phase.counts) or _other(phase)))
        for change in phase.changes:
            for line in _lines_of(change):
                console.print(line)
        for note in phase.notes:
            console.print(Text(f"  {clean(note)}", "yellow"))
    if not planned.differences:
        console.print("No changes: AWS has what tfdriver.yaml and the modules say.")
    elif text := counts_text(planned.counts):
        console.print(Text(f"In all: {text}.", "bold"))
    if planned.deletions and planned.overview.action != "destroy":  # whose list has nothing else
        console.print(Text("These resources are deleted or replaced, with any data in them:", "bold red"))
        for deletion in planned.deletions:
            console.print(Text(f"  {clean(deletion)}", "red"))


def counts_text(counts: Counts) -> str:
    """Return the numbers of changes as text, '' for none."""
    numbers = {
        "create": counts.create,
        "update": counts.update,
        "replace": counts.replace,
        "delete": counts.delete,
        "adopt": counts.adopt,
    }
    return ", ".join(f"{number} to {name}" for name, number in numbers.items() if number)


def _place(phase: PhasePlan) -> str:
    if phase.composition == phase.account:
        return f"{phase.composition} ({phase.account_id})"
    return f"{phase.composition} in {phase.account} ({phase.account_id})"


def _other(phase: PhasePlan) -> str:
    """Return the summary of a phase that neither creates, changes, deletes nor adopts a resource."""
    if phase.changes:
        return "only Terraform's state changes"
    if phase.outputs:
        return f"no resource changes; Terraform saves these outputs in its state: {', '.join(phase.outputs)}"
    return "see below" if phase.notes else "no changes"


def _lines_of(change: ResourceChange) -> Iterator[Text]:
    symbol, color, words = _ACTIONS[change.action]
    title = Text.assemble((f"{symbol:>5}", color), f" {words} {clean(change.address)}")
    if change.name and change.name not in change.address:
        title.append(f" ({clean(change.name)})")
    yield title
    if change.imported:
        what = "it will be imported first" if change.deletes else "it will be imported"
        yield Text(f"        it exists in AWS, but not in Terraform's state: {what}, id {clean(change.imported)}")
    if change.drifted:
        how = "deleted" if change.action == "create" else "changed"
        yield Text(f"        it was {how} outside Terraform since the last apply", "yellow")
    for attribute in change.attributes:
        yield _attribute(attribute)
    for policy in change.policies:
        yield from _policy(policy)


def _attribute(change: AttributeChange) -> Text:
    before, after = (None if value is None else _value(value) for value in (change.before, change.after))
    sign = "+" if before is None else "-" if after is None else "~"
    values = " -> ".join(value for value in (before, after) if value is not None)
    line = Text.assemble("      ", (sign, _COLORS[sign]), f" {clean(change.name)}: {values}")
    return line.append("  # forces replacement", "red") if change.replaces else line


def _value(value: Any) -> str:
    if value in (SENSITIVE, UNKNOWN):
        return str(value)
    text = clean(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _policy(change: PolicyChange) -> Iterator[Text]:
    if change.trusts_before and change.trusts_after:
        yield Text(f"        trusts {clean(change.trusts_before)}")
        yield Text(f"        -> {clean(change.trusts_after)}", "bold")
    elif change.trusts_after:
        yield Text(f"        trusts {clean(change.trusts_after)}", "bold")
    if not change.known:
        yield Text(f"        {clean(change.attribute)}: {UNKNOWN}")
        return
    lines = diff_lines(change.before, change.after)
    yield Text(f"        {clean(change.attribute)}:" if lines else f"        {clean(change.attribute)}: same meaning")
    yield from _colored(lines)


def _colored(lines: Iterable[str]) -> Iterator[Text]:
    for line in lines:
        yield Text(f"          {clean(line)}", _COLORS.get(line[0], ""))
