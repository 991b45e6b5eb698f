"""Reads CloudTrail's event history, which has the last 90 days of one region. Source: CloudTrail API, LookupEvents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole
from tfdriver.spec.model import Account, Role, global_region

_TOLERANCE = timedelta(minutes=5)  # between the event's time and the role's creation date


def events(
    aws: Calls, account: Account, name: str, first: datetime, last: datetime, most: int
) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the events with a name between two times, at most `most`, and whether there are more. Raises AwsError.

    account: its region is searched.
    """

    def ask(client: Any) -> Any:
        pages = client.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
            StartTime=first,
            EndTime=last,
            PaginationConfig={"MaxItems": most},
        )
        return pages.build_full_result()

    answer = aws.call(account, "cloudtrail", ask)
    return [json.loads(event["CloudTrailEvent"]) for event in answer.get("Events", [])], "NextToken" in answer


def creator(aws: Calls) -> Callable[[Role, LiveRole], str]:
    """Return a function that returns the ARN of a role's creator, '' if CloudTrail does not have it."""

    def created_by(role: Role, live: LiveRole) -> str:
        created, home = live.created, replace(role.account, region=global_region(role.account.partition))
        if created is None:
            return ""
        try:
            bodies, _ = events(aws, home, "CreateRole", created - _TOLERANCE, created + _TOLERANCE, 1000)
        except TfdriverError:
            return ""
        calls = (b for b in bodies if (b.get("requestParameters") or {}).get("roleName") == role.name)
        return next((str(b.get("userIdentity", {}).get("arn", "")) for b in calls if not b.get("errorCode")), "")

    return created_by
