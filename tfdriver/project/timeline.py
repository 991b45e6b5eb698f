"""The timeline: a file beside the compositions with a line per trust change.

It is a record for people, never an input to a decision. Lines come from Terraform's events. The next run compares the
timeline with AWS and adds changes of a killed run, marked as seen. A truncated last line is ignored. If the file cannot
be written, the run warns once and continues.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import TypeAdapter

from tfdriver.iam.trust_state import TrustState
from tfdriver.iam.wording import moment
from tfdriver.project.trust_changes import BROAD, TrustChange, applied_change, missing_change, planned_policies
from tfdriver.redaction import clean
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.events import Event

FILE = "timeline.jsonl"
_LINE = TypeAdapter(TrustChange)


@dataclass(frozen=True)
class Exposure:
    """A time in which a whole account was trusted. closed: None if it still is; seconds: until closed or now.

    trusted: whom, in words; until: the deadline of a trust that is still open, None for none.
    seen: whether its start or end was read from AWS, so that its time is approximate.
    """

    role: str
    account: str
    trusted: str
    guarded: bool
    opened: datetime
    closed: datetime | None
    seconds: float
    seen: bool = False
    until: datetime | None = None

    def __str__(self) -> str:
        guard = "guarded" if self.guarded else "without a guard"
        time = f"{self.seconds:.1f} s{'' if self.closed else ' so far'}{', approximately' if self.seen else ''}"
        since = f"from {moment(self.opened)} for {time}"
        return f"role {self.role} in {self.account} was open, {guard}, {since}: {self.trusted}"


class Timeline:
    """The file. path: `compositions/timeline.jsonl`; callers: caller ARN by account name; warn: called at most once."""

    def __init__(self, path: Path, callers: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self._path = path
        self._callers = callers
        self._warn = warn
        self._warned = False
        self._lock = Lock()  # several compositions may be applied at once

    def watch(self, composition: Composition, plan: Mapping[str, Any]) -> Callable[[Event], None]:
        """Return a listener for Terraform's events that records each trust change of the trusting roles.

        plan: the plan that is applied, as JSON; a module may write another policy than it was given. Terraform 1.11
        sends a role's name (`id_value`) at the end of a creation but at the start of a deletion, so the listener keeps
        it.
        """
        policies = planned_policies(plan)
        names = {role.name for role in composition.roles if role.is_trusting}
        started: dict[str, str] = {}

        def on_event(event: Event) -> None:
            if event.resource_type != "aws_iam_role" or event.type not in ("apply_start", "apply_complete"):
                return
            name = event.id or started.get(event.address, "")
            if event.type == "apply_start":
                started[event.address] = event.id
            elif name in names and (event.action == "delete" or event.address in policies):
                policy = None if event.action == "delete" else policies[event.address]
                by = self._callers.get(composition.account.name, "")
                self._append(applied_change(event.at, name, composition.account.name, policy, by))

        return on_event

    def record_missing(self, states: Iterable[TrustState], now: datetime) -> None:
        """Record trust changes that are missing from the timeline; see `trust_changes.missing_change`.

        states: trust states of the trusting roles at `now` (UTC). Not to be called while Terraform runs: its own events
        report what it changes.
        """
        newest = {(change.account, change.role): change for change in self.changes()}
        for state in states:
            change = missing_change(newest.get((state.role.account.name, state.role.name)), state, now)
            if change is not None:
                self._append(change)

    def changes(self) -> list[TrustChange]:
        """Return all recorded changes, oldest first; [] if the file is unreadable."""
        try:
            return read_timeline(self._path)
        except OSError as error:
            self._warn_once("read", error)
            return []

    def _append(self, change: TrustChange) -> None:
        with self._lock:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
                with os.fdopen(descriptor, "r+b") as file:
                    end = file.seek(0, os.SEEK_END)
                    truncated = bool(end) and os.pread(descriptor, 1, end - 1) != b"\n"
                    file.write(b"\n" * truncated + json.dumps(asdict(change)).encode() + b"\n")
                    file.flush()
                    os.fsync(descriptor)
            except OSError as error:
                self._warn_once("written", error)

    def _warn_once(self, action: str, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"warning: the timeline cannot be {action}: {error}. Trust changes are not recorded")


def read_timeline(path: Path) -> list[TrustChange]:
    """Return the changes recorded in a file, oldest first. Invalid lines are skipped. Raises OSError."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [change for line in lines if (change := _parse(line))]


def exposures(changes: Iterable[TrustChange], now: datetime) -> list[Exposure]:
    """Return each time in which a whole account was trusted, oldest first. A change or a deadline ends it."""
    found: list[Exposure] = []
    opened: dict[tuple[str, str], TrustChange] = {}
    for change in changes:
        key = (change.account, change.role)
        before = opened.pop(key, None)
        if before is not None:
            found.append(_exposure(before, change, now))
        if change.kind == BROAD:
            opened[key] = change
    found.extend(_exposure(change, None, now) for change in opened.values())
    return sorted(found, key=lambda e: e.opened)


def _exposure(change: TrustChange, after: TrustChange | None, now: datetime) -> Exposure:
    opened, closed, seen = datetime.fromisoformat(change.at), None, change.seen
    if after is not None:
        closed, seen = datetime.fromisoformat(after.at), seen or after.seen
    until = datetime.fromisoformat(change.until) if change.until else None
    if until is not None and until <= (closed or now):
        closed, seen = max(until, opened), change.seen
    return Exposure(
        role=change.role,
        account=change.account,
        trusted=change.trusted,
        guarded=change.guarded,
        opened=opened,
        closed=closed,
        seconds=max(((closed or now) - opened).total_seconds(), 0.0),
        seen=seen,
        until=None if closed else until,
    )


def _parse(line: bytes) -> TrustChange | None:
    """Return the change in a line, None for an invalid line: other programs may write into the file."""
    try:
        change = _LINE.validate_json(line, strict=True)
        times = [datetime.fromisoformat(text) for text in (change.at, change.until or change.at)]
    except ValueError:  # pydantic's, too
        return None
    texts: dict[str, Any] = {name: clean(text) for name, text in asdict(change).items() if isinstance(text, str)}
    return replace(change, **texts) if all(time.tzinfo for time in times) else None
