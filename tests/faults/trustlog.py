"""Checks I1, that no call widens a trust policy, in the sandbox's log of calls. Pure; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tfdriver.iam import trust
from tfdriver.iam.trust import Trust

BY_HAND = "by-hand"  # in the user agent of calls that the test makes itself

Entry = Mapping[str, Any]


def loosened(entries: Iterable[Entry], trusting: str, trusted: str) -> list[str]:
    """Return a sentence for each write that widened a trust policy.

    entries: lines of the call log in the order of their answers; trusting: ARN of the trusting role; trusted: ARN of
    the only role that it may trust. Phase 1 may create the role with a broad trust that is guarded for `trusted` and
    has a deadline. Trusting exactly `trusted` is always allowed.
    """
    found: list[str] = []
    before: dict[str, Any] | None = None
    for entry in _in_order_of_execution(entries):
        if entry["resource"] != trusting or not _executed(entry):
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


def _in_order_of_execution(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries in the order of their execution: a fault may delay the answer after it."""
    found: list[Entry] = []
    for entry in entries:
        place = len(found)
        if entry["fault"].endswith(" after"):
            place = next((n for n, other in enumerate(found) if other["time"] > entry["time"]), place)
        found.insert(place, entry)
    return found


def _executed(entry: Entry) -> bool:
    """Whether AWS executed the call: a fault may lose or replace the answer after that."""
    return (entry["status"] is not None and entry["status"] < 400) or entry["fault"].endswith(" after")


def _wider(before: dict[str, Any] | None, after: dict[str, Any], trusted: str) -> str:
    new = trust.read_trust(after)
    if new is None:
        return "it is unmanaged"
    if _allowed(new) - {trusted}:
        return f"it allows {sorted(_allowed(new) - {trusted})}"
    if before is None or not new.broad:
        return "" if not new.broad or new.until else "it has no deadline"
    old = trust.read_trust(before)
    # An exact trust holds the role's unique id, so a broad one is wider even if its guard names the same role.
    if old is None or not old.broad or not _allowed(new) <= _allowed(old):
        return "it allows callers that it did not allow before"
    return "its deadline was postponed" if _until(new) > _until(old) else ""


def _allowed(found: Trust) -> frozenset[str]:
    """Return the ARNs that the policy allows: the guard's, or the principals if there is no guard."""
    return found.guard or found.principals


def _until(found: Trust) -> datetime:
    return found.until or datetime.max.replace(tzinfo=UTC)
