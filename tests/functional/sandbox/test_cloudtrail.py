"""The event history of each account, as in CloudTrail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, Caller, World, allow, outcome, trust


def lookup(caller: Caller, name: str = "EventName", value: str = "AssumeRole", **more: Any) -> list[dict[str, Any]]:
    """Return events by one attribute, newest first."""
    attribute = [{"AttributeKey": name, "AttributeValue": value}]
    pages = caller.client("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=attribute, **more)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def in_region(caller: Caller, region: str) -> Caller:
    return Caller(caller.endpoint, region, caller.keys)


def test_the_roles_account_sees_the_callers_account_and_unique_id(world: World) -> None:
    bar, session = world.trusted_role(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))
    session.assume(foo)
    assert outcome(world.trusted.assume, foo).startswith("AccessDenied")

    (event,) = lookup(in_region(world.trusting, TRUSTED.region), "ResourceName", foo)

    role_id = world.trusted.client("iam").get_role(RoleName=bar.rpartition("/")[2])["Role"]["RoleId"]
    identity = {"type": "AWSAccount", "principalId": f"{role_id}:test", "accountId": TRUSTED.id}
    assert event["userIdentity"] == identity
    assert event["requestParameters"] == {"roleArn": foo}
    assert event["recipientAccountId"] == TRUSTING.id


def test_the_callers_account_sees_denied_calls_and_the_callers_arn(world: World) -> None:
    foo = world.role(world.trusting, trust(TRUSTING.root_arn))
    assert outcome(world.trusted.assume, foo).startswith("AccessDenied")

    event, *_ = lookup(world.trusted)

    assert event["userIdentity"]["arn"] == f"arn:aws:iam::{TRUSTED.id}:user/admin"
    assert event["errorCode"] == "AccessDenied"
    assert "because no role trust policy allows" in event["errorMessage"]


def test_lookups_are_limited_to_a_region_and_a_time_range(world: World) -> None:
    bar, session = world.trusted_role(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))
    before = datetime.now(UTC)

    in_region(session, "ap-south-1").assume(foo)

    assert lookup(in_region(world.trusting, "eu-west-3"), "ResourceName", foo) == []
    caller = in_region(world.trusting, "ap-south-1")
    assert len(lookup(caller, "ResourceName", foo)) == 1
    assert lookup(caller, "ResourceName", foo, EndTime=before - timedelta(seconds=5)) == []
    assert len(lookup(caller, "ResourceName", foo, StartTime=before - timedelta(seconds=5))) == 1


def test_pagination_returns_each_event_once(world: World) -> None:
    bar, session = world.trusted_role(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))
    for _ in range(3):
        session.assume(foo)

    caller = in_region(world.trusting, TRUSTED.region)
    events = lookup(caller, "ResourceName", foo, PaginationConfig={"PageSize": 2})

    assert len({event["eventID"] for event in events}) == 3


def test_the_history_contains_no_data_events(world: World) -> None:
    assert outcome(world.trusting.client("dynamodb").get_item, TableName="none", Key={"k": {"S": "v"}}) != "allowed"
    assert lookup(world.trusting, "EventName", "GetItem") == []


@pytest.mark.parametrize("attributes", [[("ReadOnly", "true")], [("EventName", "a"), ("EventName", "b")]])
def test_unsupported_attributes_are_rejected(world: World, attributes: list[tuple[str, str]]) -> None:
    lookup_attributes = [{"AttributeKey": name, "AttributeValue": value} for name, value in attributes]

    result = outcome(world.trusting.client("cloudtrail").lookup_events, LookupAttributes=lookup_attributes)

    assert result.startswith("InvalidLookupAttributesException")


def test_lookup_events_requires_permission(world: World) -> None:
    user = world.user(world.trusting, allow("iam:*"))

    assert outcome(user.client("cloudtrail").lookup_events).startswith("AccessDenied")
