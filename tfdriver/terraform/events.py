"""Terraform's `-json` output, line by line, as values. Pure; no I/O.

Source of the shapes: Terraform's documentation, "Machine-readable UI" (internals/machine-readable-ui).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfdriver.files import read_json
from tfdriver.redaction import clean

TEXT = ""  # the operation of commands that print for people and have no final summary
LOCKED = "state_lock_acquire"  # Terraform's, once it has waited a moment for another one's lock on the state
STOPPING = "stopping"  # the type of an event of our own: what interrupting a Terraform takes


@dataclass(frozen=True)
class Event:
    """One line. type: Terraform's message type, e.g. `apply_start`; at: its time, ISO 8601.

    address, resource_type, id: of the resource it is about, or ''; seconds: how long it took.
    """

    type: str
    message: str
    address: str = ""
    action: str = ""
    seconds: float = 0.0
    at: str = ""
    resource_type: str = ""
    id: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """How many resources an apply (or plan) added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def none(self) -> bool:
        """Whether nothing changed."""
        return not (self.added or self.changed or self.removed)

    @property
    def planned(self) -> str:
        """The same, in words, of what is yet to be done."""
        return f"{self.added} to add, {self.changed} to change, {self.removed} to remove"

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.removed} removed"


@dataclass(frozen=True)
class Diagnostic:
    """An error or warning of Terraform. detail may have several lines."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""

    def __str__(self) -> str:
        text = " ".join(f"{self.summary}: {self.detail}".split()) if self.detail else self.summary
        return f"{self.address}: {text}" if self.address else text


@dataclass(frozen=True)
class TerraformOutcome:
    """What a Terraform command said. changes: None if it never came to its final summary; planned: without reads."""

    changes: Changes | None
    outputs: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...]
    planned: tuple[Event, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are errors."""
        return tuple(d for d in self.diagnostics if d.severity == "error")


def follow(event: Event, in_flight: set[str]) -> None:
    """Keep the addresses of the resources that an apply is working on, as its events come in."""
    if event.type == "apply_start":
        in_flight.add(event.address)
    elif event.type in ("apply_complete", "apply_errored"):
        in_flight.discard(event.address)


def parse_line(line: str) -> Event | None:
    """Return the event of one line, or None for a line that is not one (a crash may cut or mix lines)."""
    try:
        body = read_json(line)
        kind, message = body["type"], clean(body.get("@message", ""))
        hook = body.get("hook") or body.get("change") or {}
        resource = hook.get("resource") or {}
        return Event(
            kind,
            message,
            address=str(resource.get("addr", "")),
            action=str(hook.get("action", "")),
            seconds=float(hook.get("elapsed_seconds") or 0),
            at=body.get("@timestamp", ""),
            resource_type=resource.get("resource_type", ""),
            id=str(hook.get("id_value") or ""),
            body=body,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def outcome(events: Iterable[Event], operation: str) -> TerraformOutcome:
    """Return what the events of a command add up to.

    operation: `plan`, `apply` or `destroy`, whose summary counts; TEXT for a command that has none.
    """
    changes, outputs, diagnostics, planned = None, {}, [], []
    for event in events:
        match event.type:
            case "change_summary" if event.body["changes"]["operation"] == operation:
                counts = event.body["changes"]
                changes = Changes(counts["add"] + counts.get("import", 0), counts["change"], counts["remove"])
            case "outputs":
                outputs = {k: v.get("value") for k, v in event.body["outputs"].items()}
            case "diagnostic":
                said = event.body["diagnostic"]
                summary, detail = clean(said["summary"]), clean(said.get("detail", ""))
                diagnostics.append(Diagnostic(said["severity"], summary, detail, said.get("address", "")))
            case "planned_change" if event.action not in ("noop", "read"):
                planned.append(event)
    return TerraformOutcome(changes, outputs, tuple(diagnostics), tuple(planned))
