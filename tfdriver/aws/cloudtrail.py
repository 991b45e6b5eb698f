"""CloudTrail's event history: who called what. It holds 90 days, each region by itself.

Source: CloudTrail API reference, LookupEvents.
"""

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

_AROUND = timedelta(minutes=5)  # the event's time is the call's, the role's is IAM's


def events(
    aws: Calls, account: Account, name: str, first: datetime, last: datetime, most: int
) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the events of a name between two moments, at most so many, and whether there are more. Raises AwsError.

    account: its region is the one that is looked into.
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
    """Return a function that returns the ARN of who created a role, '' where CloudTrail does not tell."""

    def created_by(role: Role, live: LiveRole) -> str:
        created, home = live.created, replace(role.account, region=global_region(role.account.partition))
        if created is None:
            return ""
        try:
            bodies, _ = events(aws, home, "CreateRole", created - _AROUND, created + _AROUND, 1000)
        except TfdriverError:
            return ""
        made = (b for b in bodies if (b.get("requestParameters") or {}).get("roleName") == role.name)
        return next((str(b.get("userIdentity", {}).get("arn", "")) for b in made if not b.get("errorCode")), "")

    return created_by
