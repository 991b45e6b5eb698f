"""Prints what a run is going to change, in Terraform's notation and colors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from tfdriver.cli.grouping import NOTE, Item, grouped, lines
from tfdriver.cli.printer import PHASES, Output
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.plan_view import (
    SENSITIVE,
    TRUST_POLICY,
    UNKNOWN,
    AttributeChange,
    Counts,
    PhasePlan,
    Planned,
    PolicyChange,
    ResourceChange,
    deletions,
)
from tfdriver.iam.policy_diff import diff_lines
from tfdriver.iam.policy_document import account_of
from tfdriver.iam.trust import may_be_broad
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
_FINE = ("exact: ", "does not exist")  # beginnings of the words on a trust
_EXTERNAL_ID = re.compile(r'"sts:ExternalId": "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')  # a generated one
_LONGEST = 120  # characters of an attribute's value


def print_overview(overview: Overview, output: Output) -> None:
    """Print the accounts and the trusts now, on stderr."""
    console = output.err
    action = f"{overview.action} with Terraform {overview.terraform}"
    console.print(f"[bold]{escape(overview.project)}[/bold]: {escape(action)}")
    if overview.endpoint:
        console.print(f"[yellow]AWS_ENDPOINT_URL is set: AWS is {escape(overview.endpoint)}[/yellow]")
    accounts = (Item(a.name, f"{a.name} = {a.id}, {a.region}, as {a.caller}", a.name, a.id) for a in overview.accounts)
    roles = (
        Item(
            r.account,
            f"role {r.role} in {r.account} now: {r.now}",
            r.account,
            account_of(r.arn),
            attention=not r.now.startswith(_FINE),
        )
        for r in overview.roles
    )
    for line in [*lines(accounts), *lines(roles)]:
        console.print(f"  {escape(line)}")


def print_planned(planned: Planned, console: Console) -> None:
    """Print the changes of each phase and composition, and the deletions among them once more.

    Compositions with the same changes are printed once. All of them are named if these changes could do harm.
    """
    groups = grouped(map(_item, planned.phases))
    for group in groups:
        phase = group.shown
        name = f"{PHASES[phase.phase]} ({phase.kind})" if phase.phase in PHASES else phase.phase
        each = " each" if group.label and phase.changes else ""
        what = counts_text(phase.counts) or _other(phase)
        console.print(Text.assemble((f"{name}, {group.label or _place(phase)}: ", "bold"), what, each))
        for change in phase.changes:
            for line in _lines_of(change):
                console.print(line)
        for note in phase.notes:
            console.print(Text(f"  {clean(note)}", "yellow"))
    if any(group.label for group in groups):
        console.print(NOTE)
    if not planned.phases:
        console.print("Nothing to do for the compositions of this run.")
    elif not planned.differences:
        console.print("No changes: AWS has what tfdriver.yaml and the modules say.")
    elif text := counts_text(planned.counts):
        console.print(Text(f"In all: {text}.", "bold"))
    if planned.deletions and planned.overview.action != "destroy":  # whose list has nothing else
        console.print(Text("These resources are deleted or replaced, with any data in them:", "bold red"))
        deleted = (
            Item(phase.composition, text, phase.account, phase.account_id, attention=True)
            for phase in planned.phases
            for text in deletions(phase.composition, phase.changes)
        )
        for text in lines(deleted):
            console.print(Text(f"  {clean(text)}", "red"))


def _item(phase: PhasePlan) -> Item[PhasePlan]:
    policies = [policy.after for change in phase.changes for policy in change.policies]
    generated = _EXTERNAL_ID.search(json.dumps(policies))
    external_id = generated[1] if generated else ""
    attention = bool(phase.notes) or any(map(_needs_attention, phase.changes))
    return Item(phase.composition, phase, phase.account, phase.account_id, external_id, attention)


def _needs_attention(change: ResourceChange) -> bool:
    """Whether a change deletes, adopts, undoes what somebody else changed, or trusts a whole account."""
    opens = any(p.attribute == TRUST_POLICY and p.after and may_be_broad(p.after) for p in change.policies)
    return change.action not in ("create", "update") or bool(change.imported) or change.drifted or opens


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
