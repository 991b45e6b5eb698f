"""CloudTrail's event history, answered from the sandbox's own log of calls.

As in AWS: an account sees the calls of its own principals, and those of others that let them in here; of the latter it
learns account and unique id, not the ARN; only management events; each region by itself. Other than in AWS, an event is
there at once.

Source: CloudTrail user guide, cloudtrail-event-reference-user-identity; CloudTrail API reference, LookupEvents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tfdriver.iam.policy_document import account_of
from tfdriver.sandbox.call_log import Entry
from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.responses import ResponseError, json_result
from tfdriver.spec.model import global_region

PAGE = 50
_DATA_EVENTS = frozenset(
    f"dynamodb:{verb}"
    for verb in "GetItem PutItem UpdateItem DeleteItem Query Scan BatchGetItem BatchWriteItem "
    "TransactGetItems TransactWriteItems ExecuteStatement".split()
) | {"lambda:Invoke"}
_ATTRIBUTES = {"EventId": "EventId", "EventName": "EventName", "EventSource": "EventSource", "Username": "Username"}


def lookup_events(call: Call, account: str, entries: Iterable[Entry]) -> HttpResponse:
    """Answer LookupEvents of an account. entries: the log, oldest first. Raises AwsError for bad parameters."""
    size, start = call.parameters.get("MaxResults", PAGE), call.text("NextToken") or "0"
    if not isinstance(size, int) or not 1 <= size <= PAGE or not start.isdigit():
        raise ResponseError("InvalidMaxResultsException", f"MaxResults must be between 1 and {PAGE}.")
    wanted = _attribute(call)
    seen = [event for entry in entries if _region(entry) == call.region and (event := _event(entry, account))]
    found = [event for event in reversed(seen) if _within(event, call) and _matches(event, wanted)]
    first, end = int(start), int(start) + size
    more = {"NextToken": str(end)} if end < len(found) else {}
    return json_result({"Events": found[first:end], **more})


def _attribute(call: Call) -> tuple[str, str]:
    attributes = call.parameters.get("LookupAttributes") or []
    try:
        ((name, value),) = [(a["AttributeKey"], a["AttributeValue"]) for a in attributes] or [("", "")]
    except (ValueError, KeyError, TypeError) as error:
        raise ResponseError("InvalidLookupAttributesException", "Exactly one lookup attribute can be given.") from error
    if name not in (*_ATTRIBUTES, "ResourceName", ""):
        raise ResponseError("InvalidLookupAttributesException", f"the sandbox cannot look up by {name}")
    return str(name), str(value)


def _matches(event: Mapping[str, Any], wanted: tuple[str, str]) -> bool:
    name, value = wanted
    if name == "ResourceName":
        return any(resource["ResourceName"] == value for resource in event["Resources"])
    return not name or event[_ATTRIBUTES[name]] == value


def _within(event: Mapping[str, Any], call: Call) -> bool:
    at = event["EventTime"]
    return bool(call.parameters.get("StartTime", 0) <= at <= call.parameters.get("EndTime", at))


def _event(entry: Entry, viewer: str) -> dict[str, Any] | None:
    """Return an entry as an account sees it, None if it does not."""
    own = entry.account == viewer
    let_in = entry.action == "AssumeRole" and not entry.error and account_of(entry.resource) == viewer
    if not (own or let_in) or f"{entry.service}:{entry.action}" in _DATA_EVENTS or entry.status is None:
        return None
    body = _body(entry, viewer)
    return {
        "EventId": body["eventID"],
        "EventName": entry.action,
        "ReadOnly": str(body["readOnly"]).lower(),
        "EventTime": int(datetime.fromisoformat(entry.time).timestamp()),
        "EventSource": body["eventSource"],
        "Username": entry.caller.rpartition("/")[2] if own else "",
        "Resources": [{"ResourceType": r["type"], "ResourceName": r["ARN"]} for r in body["resources"]],
        "CloudTrailEvent": json.dumps(body),
    }


def _body(entry: Entry, viewer: str) -> dict[str, Any]:
    assumes = entry.action == "AssumeRole"
    error = {"errorCode": entry.error, "errorMessage": entry.message} if entry.error else {}
    return {
        "eventVersion": "1.08",
        "userIdentity": dict(_identity(entry, viewer)),
        "eventTime": entry.time[:19] + "Z",
        "eventSource": f"{entry.service}.amazonaws.com",
        "eventName": entry.action,
        "awsRegion": _region(entry),
        "sourceIPAddress": entry.source,
        "userAgent": entry.user_agent,
        **error,
        "requestParameters": _parameters(entry),
        "responseElements": None,
        "requestID": entry.request_id,
        "eventID": f"{entry.request_id}-{viewer}",
        "readOnly": entry.action.startswith(("Get", "List", "Describe", "Lookup", "AssumeRole")),
        "resources": [{"accountId": account_of(entry.resource), "type": "AWS::IAM::Role", "ARN": entry.resource}]
        if assumes
        else [],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": viewer,
        "sharedEventID": entry.request_id,
        "eventCategory": "Management",
    }


def _region(entry: Entry) -> str:
    partition = entry.caller.split(":")[1] if entry.caller.count(":") > 1 else "aws"
    return global_region(partition) if entry.service == "iam" else entry.region


def _parameters(entry: Entry) -> dict[str, str] | None:
    """Return what is known of a request's parameters."""
    match f"{entry.service}:{entry.action}":
        case "sts:AssumeRole" if not entry.error:
            return {"roleArn": entry.resource}
        case "iam:CreateRole":
            return {"roleName": entry.resource.rpartition("/")[2]}
    return None


def _identity(entry: Entry, viewer: str) -> Iterator[tuple[str, str]]:
    if entry.account != viewer:
        yield from (("type", "AWSAccount"), ("principalId", entry.caller_id), ("accountId", entry.account))
        return
    yield "type", "AssumedRole" if ":assumed-role/" in entry.caller else "IAMUser"
    yield from (("principalId", entry.caller_id), ("arn", entry.caller), ("accountId", entry.account))
