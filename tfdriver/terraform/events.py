"""Events that Terraform prints with `-json`, one per line. Pure; no I/O.

Source of the shapes: Terraform's documentation, "Machine-readable UI" (internals/machine-readable-ui).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfdriver.files import read_json
from tfdriver.redaction import clean

TEXT = ""  # the operation of commands without events
LOCKED = "state_lock_acquire"  # the type of Terraform's event when it waits for the state lock
_ROLE = "aws_iam_role"
STOPPING = "stopping"  # the type of tfdriver's own event when it interrupts Terraform


@dataclass(frozen=True)
class Event:
    """One event. type: Terraform's message type, e.g. `apply_start`; at: its time, ISO 8601; seconds: elapsed time.

    address, resource_type, id: the resource's, or ''; body: the whole event.
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
    """Numbers of resources that an apply or plan adds, changes and removes."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def none(self) -> bool:
        """Whether nothing changed."""
        return not (self.added or self.changed or self.removed)

    @property
    def planned(self) -> str:
        """The text for a plan."""
        return f"{self.added} to add, {self.changed} to change, {self.removed} to destroy"

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.removed} destroyed"


@dataclass(frozen=True)
class Diagnostic:
    """An error or warning of Terraform. detail: may have several lines."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""

    def __str__(self) -> str:
        text = " ".join(f"{self.summary}: {self.detail}".split()) if self.detail else self.summary
        return f"{self.address}: {text}" if self.address else text


@dataclass(frozen=True)
class TerraformOutcome:
    """The result of a Terraform command. changes: None without a final summary; planned: changes, without reads.

    output_changes: the names of the outputs that a plan changes; reads: whether a plan reads data during the apply;
    deleted: whether resources were deleted outside Terraform.
    """

    changes: Changes | None
    outputs: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...]
    planned: tuple[Event, ...]
    output_changes: tuple[str, ...] = ()
    reads: bool = False
    deleted: bool = False

    @property
    def changes_nothing(self) -> bool:
        """Whether an apply of this plan would change nothing in AWS, and in the state only computed values.

        After its first apply, half of a composition's resources have other computed values in AWS than in the state,
        as a role has the policies that were attached to it later. Terraform reports no changes then.
        """
        none = self.changes is not None and self.changes.none
        return none and not (self.planned or self.output_changes or self.reads or self.deleted)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are errors."""
        return tuple(d for d in self.diagnostics if d.severity == "error")


class RolesDone:
    """Follows the events of an apply and calls `report` once no change of an IAM role is pending.

    planned: the changes of the applied plan; report: may be called more than once.
    """

    def __init__(self, planned: Iterable[Event], report: Callable[[], None]) -> None:
        self._report = report
        self._pending = Counter[str]()
        for event in planned:
            if event.resource_type == _ROLE:
                self._pending[event.address] += 2 if event.action == "replace" else 1  # deleted, and created

    def __call__(self, event: Event) -> None:
        """Follow one event."""
        if event.type == "apply_complete" and event.resource_type == _ROLE:
            self._pending[event.address] -= 1
        if not any(count > 0 for count in self._pending.values()):
            self._report()


def follow(event: Event, in_flight: set[str]) -> None:
    """Update the addresses of the resources that an apply is changing."""
    if event.type == "apply_start":
        in_flight.add(event.address)
    elif event.type in ("apply_complete", "apply_errored"):
        in_flight.discard(event.address)


def parse_line(line: str) -> Event | None:
    """Return the event of one line, None if the line is not an event (a crash may cut or mix lines)."""
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
    """Return the result of a command. operation: `plan`, `apply` or `destroy`, whose summary counts, or TEXT."""
    changes, outputs, diagnostics, planned = None, {}, [], []
    output_changes, reads, deleted = [], False, False
    for event in events:
        match event.type:
            case "change_summary" if event.body["changes"]["operation"] == operation:
                counts = event.body["changes"]
                changes = Changes(counts["add"] + counts.get("import", 0), counts["change"], counts["remove"])
            case "outputs":
                outputs = {k: v.get("value") for k, v in event.body["outputs"].items()}
                output_changes = [k for k, v in event.body["outputs"].items() if v.get("action", "noop") != "noop"]
            case "diagnostic":
                body = event.body["diagnostic"]
                summary, detail = clean(body["summary"]), clean(body.get("detail", ""))
                diagnostics.append(Diagnostic(body["severity"], summary, detail, body.get("address", "")))
            case "planned_change" if event.action == "read":
                reads = True
            case "planned_change" if event.action != "noop":
                planned.append(event)
            case "resource_drift":
                deleted = deleted or event.action == "delete"
    return TerraformOutcome(
        changes=changes,
        outputs=outputs,
        diagnostics=tuple(diagnostics),
        planned=tuple(planned),
        output_changes=tuple(output_changes),
        reads=reads,
        deleted=deleted,
    )
