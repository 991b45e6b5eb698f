"""Who created a role, as far as CloudTrail's event history shows: it holds 90 days."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole
from tfdriver.spec.model import Role, global_region

_AROUND = timedelta(minutes=5)  # the event's time is the call's, the role's is IAM's


def creator(aws: Calls) -> Callable[[Role, LiveRole], str]:
    """Return a function that returns the ARN of who created a role, '' where CloudTrail does not tell."""
    return lambda role, live: _created_by(aws, role, live)


def _created_by(aws: Calls, role: Role, live: LiveRole) -> str:
    created, home = live.created, replace(role.account, region=global_region(role.account.partition))
    if created is None:
        return ""

    def ask(client: Any) -> Any:
        pages = client.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateRole"}],
            StartTime=created - _AROUND,
            EndTime=created + _AROUND,
        )
        return pages.build_full_result()

    try:
        events = aws.call(home, "cloudtrail", ask).get("Events", [])
    except TfdriverError:
        return ""
    bodies = [json.loads(event["CloudTrailEvent"]) for event in events]
    made = (b for b in bodies if (b.get("requestParameters") or {}).get("roleName") == role.name)
    return next((str(b.get("userIdentity", {}).get("arn", "")) for b in made if not b.get("errorCode")), "")
