"""The event history: what each account sees of the calls, as in AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, Caller, World, allow, outcome, trust


def lookup(caller: Caller, name: str = "EventName", value: str = "AssumeRole", **more: Any) -> list[dict[str, Any]]:
    """Return the bodies of the events, newest first."""
    attribute = [{"AttributeKey": name, "AttributeValue": value}]
    pages = caller.client("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=attribute, **more)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def in_region(caller: Caller, region: str) -> Caller:
    return Caller(caller.endpoint, region, caller.keys)


def test_the_owner_of_a_role_sees_who_was_let_in_by_account_and_unique_id(world: World) -> None:
    bar, session = world.process(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))
    session.assume(foo)
    assert outcome(world.trusted.assume, foo).startswith("AccessDenied")
    (seen,) = lookup(in_region(world.trusting, TRUSTED.region), "ResourceName", foo)
    role_id = world.trusted.client("iam").get_role(RoleName=bar.rpartition("/")[2])["Role"]["RoleId"]
    assert seen["userIdentity"] == {
        "type": "AWSAccount",
        "principalId": f"{role_id}:test",
        "accountId": TRUSTED.id,
    }
    assert seen["requestParameters"] == {"roleArn": foo}
    assert seen["recipientAccountId"] == TRUSTING.id


def test_the_callers_account_sees_its_refusals_too_and_whole_identities(world: World) -> None:
    foo = world.role(world.trusting, trust("arn:aws:iam::" + TRUSTING.id + ":root"))
    assert outcome(world.trusted.assume, foo).startswith("AccessDenied")
    seen, *_ = lookup(world.trusted)
    assert seen["userIdentity"]["arn"] == f"arn:aws:iam::{TRUSTED.id}:user/admin"
    assert seen["errorCode"] == "AccessDenied"
    assert "because no role trust policy allows" in seen["errorMessage"]


def test_each_region_by_itself_and_a_time_range(world: World) -> None:
    bar, session = world.process(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))
    before = datetime.now(UTC)
    in_region(session, "ap-south-1").assume(foo)
    assert lookup(in_region(world.trusting, "eu-west-3"), "ResourceName", foo) == []
    there = in_region(world.trusting, "ap-south-1")
    assert len(lookup(there, "ResourceName", foo)) == 1
    assert lookup(there, "ResourceName", foo, EndTime=before - timedelta(seconds=5)) == []
    assert len(lookup(there, "ResourceName", foo, StartTime=before - timedelta(seconds=5))) == 1


def test_pages(world: World) -> None:
    bar, session = world.process(allow("sts:AssumeRole"))
    foo = world.role(world.trusting, trust(bar))
    for _ in range(3):
        session.assume(foo)
    there = in_region(world.trusting, TRUSTED.region)
    found = lookup(there, "ResourceName", foo, PaginationConfig={"PageSize": 2})
    assert len({event["eventID"] for event in found}) == 3


def test_data_events_are_no_part_of_it(world: World) -> None:
    assert outcome(world.trusting.client("dynamodb").get_item, TableName="none", Key={"k": {"S": "v"}}) != "allowed"
    assert lookup(world.trusting, "EventName", "GetItem") == []


@pytest.mark.parametrize("attributes", [[("ReadOnly", "true")], [("EventName", "a"), ("EventName", "b")]])
def test_what_it_cannot_look_up_it_refuses(world: World, attributes: list[tuple[str, str]]) -> None:
    wanted = [{"AttributeKey": name, "AttributeValue": value} for name, value in attributes]
    found = outcome(world.trusting.client("cloudtrail").lookup_events, LookupAttributes=wanted)
    assert found.startswith("InvalidLookupAttributesException")


def test_who_may_not_read_it_is_refused(world: World) -> None:
    user = world.user(world.trusting, allow("iam:*"))
    assert outcome(user.client("cloudtrail").lookup_events).startswith("AccessDenied")
