"""I1, never loosened, proved from the sandbox's log of calls. Pure; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tfdriver.iam import trust
from tfdriver.iam.trust import Trust

BY_HAND = "by-hand"  # in the user agent of the test's own calls, which are not tfdriver's to answer for

Entry = Mapping[str, Any]


def loosened(entries: Iterable[Entry], trusting: str, trusted: str) -> list[str]:
    """Return, one sentence each, the writes that made the trust of a role wider than it was.

    entries: lines of the call log, in the order in which they were answered; trusting: ARN of the trusting role;
    trusted: of the one role it may ever trust. Creating the role where there is none is phase 1, and may trust at most
    what is guarded for `trusted` until a deadline; trusting exactly `trusted` is never wider than what the spec says.
    """
    found: list[str] = []
    before: dict[str, Any] | None = None
    for entry in _as_done(entries):
        if entry["resource"] != trusting or not _done(entry):
            continue
        if entry["action"] == "DeleteRole":
            before = None
        if entry["action"] not in ("CreateRole", "UpdateAssumeRolePolicy"):
            continue
        after = json.loads(entry["trust_policy"])
        if BY_HAND not in entry["user_agent"] and (what := _wider(before, after, trusted)):
            found.append(f"{entry['action']} at {entry['time']}: {what}")
        before = after
    return found


def _as_done(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries in the order in which they were done: one that was held back after that came before."""
    found: list[Entry] = []
    for entry in entries:
        place = len(found)
        if entry["fault"].endswith(" after"):
            place = next((n for n, other in enumerate(found) if other["time"] > entry["time"]), place)
        found.insert(place, entry)
    return found


def _done(entry: Entry) -> bool:
    """Whether AWS did it: an answer may be lost, or turned into an error, after that."""
    return (entry["status"] is not None and entry["status"] < 400) or entry["fault"].endswith(" after")


def _wider(before: dict[str, Any] | None, after: dict[str, Any], trusted: str) -> str:
    new = trust.read_trust(after)
    if new is None:
        return "it is nothing that tfdriver would write"
    if _admits(new) - {trusted}:
        return f"it lets in {sorted(_admits(new) - {trusted})}"
    if before is None or not new.broad:
        return "" if not new.broad or new.until else "it has no deadline"
    old = trust.read_trust(before)
    # An exact trust is pinned to the role's unique id, so a broad one is wider even if it names the same role.
    if old is None or not old.broad or not _admits(new) <= _admits(old):
        return "it lets in who was not let in before"
    return "its deadline was put off" if _until(new) > _until(old) else ""


def _admits(found: Trust) -> frozenset[str]:
    """Return who gets in: the guard's ARNs where there is a guard, else the principals themselves."""
    return found.guard or found.principals


def _until(found: Trust) -> datetime:
    return found.until or datetime.max.replace(tzinfo=UTC)
