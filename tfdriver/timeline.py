"""Who was trusted when: a line per change of a trust, appended beside the compositions.

A record for people, never an input to a decision. Lines come from Terraform's own events, so a run that is killed
leaves what happened up to then; a last line that a crash cut off is ignored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfdriver import trust, wording
from tfdriver.compositions import Composition
from tfdriver.events import Event

FILE = "timeline.jsonl"
BROAD, EXACT, GONE = "broad", "exact", "gone"


@dataclass(frozen=True)
class Change:
    """One change of a trust. at: UTC, ISO 8601; kind: broad, exact, other or gone; trusted: in words; by: caller ARN.

    until: the deadline of a broad trust, UTC, ISO 8601, or ''; guarded: whether it has the `aws:PrincipalArn` guard.
    """

    at: str
    role: str
    account: str
    kind: str
    trusted: str = ""
    until: str = ""
    guarded: bool = False
    by: str = ""


@dataclass(frozen=True)
class Exposure:
    """A time in which a whole account was trusted. closed: None while it still is; seconds: until then or until now."""

    role: str
    account: str
    trusted: str
    guarded: bool
    opened: datetime
    closed: datetime | None
    seconds: float

    def __str__(self) -> str:
        guard = "guarded" if self.guarded else "without a guard"
        still = "" if self.closed else " so far"
        return f"role {self.role} in {self.account} was open, {guard}, for {self.seconds:.1f} s{still}: {self.trusted}"


class Timeline:
    """The file. path: `compositions/timeline.jsonl`; callers: ARN of who applies, by account name."""

    def __init__(self, path: Path, callers: Mapping[str, str]) -> None:
        self._path = path
        self._callers = callers

    def watch(self, composition: Composition, policies: Mapping[str, Mapping[str, Any]]) -> Callable[[Event], None]:
        """Return a function that takes Terraform's events and records each change of a role's trust.

        policies: the trust policy being applied, by role key; a role without one trusts nobody we record.
        Terraform names a role that it creates at the end, one that it deletes at the start only (`id_value` of the
        hooks; seen with Terraform 1.11), so names are kept from the one to the other.
        """
        keys = {role.name: role.key for role in composition.roles if role.key in policies}
        started: dict[str, str] = {}

        def on_event(event: Event) -> None:
            if event.resource_type != "aws_iam_role" or event.type not in ("apply_start", "apply_complete"):
                return
            name = event.id or started.get(event.address, "")
            if event.type == "apply_start":
                started[event.address] = event.id
            elif name in keys:
                policy = None if event.action == "delete" else policies[keys[name]]
                by = self._callers.get(composition.account.name, "")
                self._append(_change(event, name, composition, policy, by))

        return on_event

    def changes(self) -> list[Change]:
        """Return all recorded changes, oldest first."""
        return read(self._path)

    def _append(self, change: Change) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            cut_off = bool(end) and os.pread(descriptor, 1, end - 1) != b"\n"
            file.write(b"\n" * cut_off + json.dumps(asdict(change)).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)


def read(path: Path) -> list[Change]:
    """Return the changes recorded in a file, oldest first. What is no line of ours is skipped."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [change for line in lines if (change := _parse(line))]


def exposures(changes: Iterable[Change], now: datetime) -> list[Exposure]:
    """Return each time in which a whole account was trusted, oldest first.

    A deadline ends it as a change does; nobody needs to have been there.
    """
    found: list[Exposure] = []
    opened: dict[tuple[str, str], Change] = {}
    for change in changes:
        key = (change.account, change.role)
        before = opened.pop(key, None)
        if before is not None:
            found.append(_exposure(before, datetime.fromisoformat(change.at), now))
        if change.kind == BROAD:
            opened[key] = change
    found.extend(_exposure(change, None, now) for change in opened.values())
    return sorted(found, key=lambda e: e.opened)


def _exposure(change: Change, closed: datetime | None, now: datetime) -> Exposure:
    opened = datetime.fromisoformat(change.at)
    until = datetime.fromisoformat(change.until) if change.until else None
    if until is not None and until <= (closed or now):
        closed = max(until, opened)
    seconds = ((closed or now) - opened).total_seconds()
    return Exposure(change.role, change.account, change.trusted, change.guarded, opened, closed, max(seconds, 0.0))


def _change(event: Event, role: str, composition: Composition, policy: Mapping[str, Any] | None, by: str) -> Change:
    at = _utc(datetime.fromisoformat(event.at)) if event.at else ""
    account = composition.account.name
    if policy is None:
        return Change(at, role, account, GONE, by=by)
    found = trust.read(policy)
    if found is None:
        return Change(at, role, account, "other", by=by)
    until = _utc(found.until) if found.until else ""
    return Change(
        at, role, account, BROAD if found.broad else EXACT, wording.trusted(found), until, bool(found.guard), by
    )


def _parse(line: bytes) -> Change | None:
    try:
        return Change(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).isoformat()
