"""status --who in the sandbox: calls during exposures are found in every region."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import boto3

from tests.functional.accounts import BAR, FOO, trust
from tfdriver.aws.client import Aws
from tfdriver.inspect.exposure import CloudTrailReader
from tfdriver.inspect.status import Status, status, view_project

REGIONS = {"us-west-2": "aws", "eu-north-1": "aws", "ap-south-1": "aws", "cn-north-1": "aws-cn"}


def record(accounts, at: datetime, kind: str) -> None:
    """Add a line to the timeline."""
    line = {"at": at.isoformat(), "role": "foo_bar", "account": "account_a", "kind": kind, "trusted": "everybody"}
    folder = accounts.options.project / "compositions"
    folder.mkdir(exist_ok=True)
    with (folder / "timeline.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def read_status(accounts) -> Status:
    def cloudtrail(spec, access):
        return CloudTrailReader(Aws(), spec, access, REGIONS)

    return status(view_project(accounts.options, accounts.tools()), cloudtrail=cloudtrail)


def intrude(region: str) -> str:
    """Assume the role as account B's administrator. Return the administrator's user id."""
    sts = boto3.Session(profile_name="account_b", region_name=region).client("sts")
    sts.assume_role(RoleArn=FOO, RoleSessionName="intruder")
    return str(sts.get_caller_identity()["UserId"])


def test_a_call_in_another_region_is_found_if_it_was_during_the_exposure(accounts):
    accounts.set_trust(trust("arn:aws:iam::222222222222:root"))
    intrude("us-west-2")  # before the exposure
    opened = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)  # CloudTrail has whole seconds
    record(accounts, opened, "broad")
    time.sleep((opened - datetime.now(UTC)).total_seconds())
    caller = intrude("eu-north-1")
    accounts.set_trust(trust(BAR))
    record(accounts, datetime.now(UTC), "exact")

    (uses,) = read_status(accounts).uses

    assert [(use.who, use.meant) for use in uses.calls] == [(f"{caller} of account 222222222222", False)]


def test_cloudtrail_is_read_only_on_request(accounts):
    assert read_status(accounts).uses == ()
    assert status(view_project(accounts.options, accounts.tools())).uses is None


def test_denied_access_to_cloudtrail_is_reported(accounts):
    record(accounts, datetime.now(UTC), "broad")
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "cloudtrail:*", "Resource": "*"}]}
    accounts.a.put_user_policy(UserName="admin", PolicyName="no", PolicyDocument=json.dumps(deny))
    found = read_status(accounts)

    (uses,) = found.uses

    assert uses.calls == ()
    assert "us-west-2, eu-north-1, ap-south-1: CloudTrail cannot be read" in uses.problem
    assert "the calls are not known" in str(uses)
