"""Computes from the sandbox's call log how long trust policies were broad. Pure; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tfdriver.iam.trust import may_be_broad


@dataclass(frozen=True)
class Exposure:
    """seconds: the longest time for which a role's trust was broad; roles: how many roles were ever broad."""

    seconds: float = 0.0
    roles: int = 0


def exposure(entries: Iterable[Mapping[str, Any]]) -> Exposure:
    """Return the exposure in lines of the call log. A trust that is broad at the end counts until the last line."""
    opened: dict[str, datetime] = {}
    seconds: dict[str, float] = {}
    last = None
    for entry in sorted(entries, key=lambda e: e["time"]):
        last = datetime.fromisoformat(entry["time"])
        if entry["action"] not in ("CreateRole", "UpdateAssumeRolePolicy", "DeleteRole") or entry["status"] != 200:
            continue
        role = entry["resource"]
        if role in opened:
            seconds[role] = seconds.get(role, 0.0) + (last - opened.pop(role)).total_seconds()
        if entry["trust_policy"] and may_be_broad(json.loads(entry["trust_policy"])):
            opened[role] = last
    for role, since in opened.items():
        seconds[role] = seconds.get(role, 0.0) + ((last or since) - since).total_seconds()
    return Exposure(max(seconds.values(), default=0.0), len(seconds))
