"""AssumeRole calls during exposures, from CloudTrail events in AWS's format."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tfdriver.aws.account_access import AccountAccess
from tfdriver.aws.calls import AwsError
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole
from tfdriver.inspect.exposure import CloudTrailReader
from tfdriver.project.timeline import Exposure

T0 = datetime(2026, 1, 2, 12, 0, 0, 500_000, tzinfo=UTC)
NOW = T0 + timedelta(hours=1)
WINDOW = Exposure("foo_bar", "account_a", "account 222222222222", False, T0, T0 + timedelta(seconds=9), 9.0)
ACCESS = {name: AccountAccess(name, "1" * 12, "arn:caller") for name in ("account_a", "account_b")}
REGIONS = {"us-west-2": "aws", "us-east-1": "aws", "cn-north-1": "aws-cn"}


def event(seconds=1, role=FOO.arn, number=1, **identity) -> dict[str, Any]:
    """Return an AssumeRole event of the role's account. It has no ARN of another account's caller."""
    at = (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "eventID": f"id-{number}",
        "eventTime": at,
        "userIdentity": {"type": "AWSAccount", "principalId": "AIDASOMEBODY", "accountId": "222222222222"} | identity,
        "sourceIPAddress": "192.0.2.1",
        "requestParameters": {"roleArn": role, "roleSessionName": "work"},
        "resources": [{"ARN": role, "type": "AWS::IAM::Role"}],
    }


class Trail:
    """A fake `Calls` with the events or the error of each region. more: whether there are further events."""

    def __init__(self, **regions: Any) -> None:
        self.regions = {name.replace("_", "-"): found for name, found in regions.items()}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.more = False

    def call(self, account: Any, service: str, ask: Callable[[Any], Any]) -> Any:
        self.found = self.regions.get(account.region, [])
        if isinstance(self.found, TfdriverError):
            raise self.found
        return ask(_Client(self, account, service, self.found))


class _Client:
    def __init__(self, trail: Trail, account: Any, service: str, found: list[dict[str, Any]]) -> None:
        self.trail, self.account, self.service, self.found = trail, account, service, found

    def get_paginator(self, name: str) -> Any:
        assert (self.service, name) == ("cloudtrail", "lookup_events")
        return self

    def paginate(self, **asked: Any) -> Any:
        self.trail.asked.append((self.account.name, self.account.region, asked))
        return self

    def build_full_result(self) -> dict[str, Any]:
        events = [{"CloudTrailEvent": json.dumps(body)} for body in self.found]
        return {"Events": events, **({"NextToken": "x"} if self.trail.more else {})}


OTHER = role("other", B)  # trusted, but not by foo_bar
ROLES = spec(FOO, BAR, OTHER, role("third", A, trusts=("other",)))
TRUSTED = {key: LiveRole(f"arn-{key}", f"AROA{key.upper()}", {}, {}) for key in ("bar", "other")}


def uses(trail: Trail, window=WINDOW, now=NOW, access=ACCESS):
    (found,) = CloudTrailReader(trail, ROLES, access, REGIONS).who_used([window], TRUSTED, now)
    return found


def test_every_region_of_the_partition_is_searched_for_the_time_of_the_exposure():
    trail = Trail()
    assert uses(trail).calls == ()
    assert sorted((name, region) for name, region, _ in trail.asked) == [
        ("account_a", "us-east-1"),
        ("account_a", "us-west-2"),
    ]
    asked = trail.asked[0][2]
    assert asked["LookupAttributes"] == [{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}]
    assert asked["StartTime"] <= T0
    assert asked["EndTime"] >= T0 + timedelta(seconds=9)


def test_a_caller_is_named_if_known_and_otherwise_printed_as_recorded():
    trail = Trail(
        us_west_2=[event(2, number=2, principalId="AROABAR:session-1")],
        us_east_1=[event(1)],
    )
    found = uses(trail)

    assert [use.who for use in found.calls] == [
        "AIDASOMEBODY of account 222222222222",
        "role bar in account_b (session session-1)",
    ]
    assert [(use.session, use.source, use.error) for use in found.calls] == [("work", "192.0.2.1", "")] * 2
    assert str(found) == "2 AssumeRole calls"
    assert str(found.calls[0]).endswith(
        "AIDASOMEBODY of account 222222222222 from 192.0.2.1: allowed, not a trusted role of the spec"
    )
    assert [use.meant for use in found.calls] == [False, True]


def test_calls_after_the_end_of_the_exposure_are_left_out():
    """The exposure ends at 9.5 s. CloudTrail has whole seconds."""
    found = uses(Trail(us_west_2=[event(10, number=1), event(9, number=2), event(8, number=3)]))

    assert [use.perhaps_later for use in found.calls] == [False, True]
    assert [use.at.second for use in found.calls] == [8, 9]
    assert str(found.calls[1]).endswith("not a trusted role of the spec, perhaps after the exposure")


def test_one_call_is_counted_in_the_singular_in_a_current_exposure():
    window = replace(WINDOW, closed=None)
    found = uses(Trail(us_west_2=[event()]), window)

    assert str(found).startswith("1 AssumeRole call.")
    assert "calls" not in str(found).partition(". ")[0]


def test_a_trusted_role_of_another_trusting_role_is_named_but_not_meant():
    (use,) = uses(Trail(us_west_2=[event(principalId="AROAOTHER:s")])).calls
    assert (use.who, use.meant) == ("role other in account_b (session s)", False)


def test_calls_on_other_roles_and_duplicates_are_left_out():
    other = event(1, role="arn:aws:iam::111111111111:role/other", number=3)
    found = uses(Trail(us_west_2=[event(), other], us_east_1=[event()]))

    assert len(found.calls) == 1


@pytest.mark.parametrize(
    ("identity", "who"),
    [
        ({"arn": "arn:aws:iam::1:user/x", "principalId": "AIDAX"}, "arn:aws:iam::1:user/x"),
        ({"type": "AWSService", "invokedBy": "x.amazonaws.com", "principalId": ""}, "x.amazonaws.com"),
        ({"principalId": "AROAGONE:s"}, "AROAGONE of account 222222222222 (session s)"),
    ],
)
def test_other_callers_are_printed_as_recorded(identity, who):
    assert uses(Trail(us_west_2=[event(1, **identity)])).calls[0].who == who


def test_a_refused_call_is_reported_as_refused():
    found = uses(Trail(us_west_2=[event() | {"errorCode": "AccessDenied"}]))
    assert str(found.calls[0]).endswith(": refused (AccessDenied), not a trusted role of the spec")


def test_an_unreadable_region_is_reported_and_the_others_are_read():
    found = uses(
        Trail(
            us_east_1=TfdriverError("LookupEvents was refused: AccessDenied", code="aws_call_failed"),
            us_west_2=[event()],
        )
    )

    assert len(found.calls) == 1
    assert found.problem == "us-east-1: CloudTrail cannot be read (LookupEvents was refused: AccessDenied)"


NOT_ENABLED = ("UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired")


@pytest.mark.parametrize("code", NOT_ENABLED)
def test_regions_that_are_not_enabled_are_ignored(code):
    found = uses(Trail(us_east_1=AwsError("no", aws_code=code)))

    assert found.problem == ""
    assert str(found) == "CloudTrail recorded no AssumeRole call"


@pytest.mark.parametrize("code", NOT_ENABLED)
@pytest.mark.parametrize("home", [*NOT_ENABLED, "", "AccessDeniedException"])
def test_rejected_credentials_are_reported_if_the_accounts_own_region_fails_too(code, home):
    found = uses(Trail(us_east_1=AwsError("no", aws_code=code), us_west_2=AwsError("nor here", aws_code=home)))
    assert "us-east-1: CloudTrail cannot be read (no)" in found.problem


def test_without_readable_regions_the_calls_are_not_known():
    no = TfdriverError("no", code="io_error")
    found = uses(Trail(us_east_1=no, us_west_2=no))

    assert "the calls are not known. us-west-2, us-east-1: CloudTrail cannot be read (no)" in str(found)


def test_an_incomplete_search_is_reported():
    trail = Trail(us_west_2=[event()])
    trail.more = True

    assert "only the latest 2000 AssumeRole calls were read" in uses(trail).problem


@pytest.mark.parametrize(
    ("window", "access", "now", "words"),
    [
        (replace(WINDOW, role="gone"), ACCESS, NOW, "The spec no longer has this role"),
        (WINDOW, ACCESS | {"account_a": AccountAccess("account_a", "1", problem="x")}, NOW, "account_a cannot be read"),
        (WINDOW, ACCESS, NOW + timedelta(days=91), "covers 90 days"),
        (WINDOW, ACCESS, T0 + timedelta(minutes=14), "may show a call up to 15 minutes late"),
        (replace(WINDOW, closed=None), ACCESS, NOW, "may show a call up to 15 minutes late"),
    ],
)
def test_an_unknown_result_is_reported_with_its_reason(window, access, now, words):
    assert words in uses(Trail(), window, now, access).problem
