"""CloudTrail's event history, read from the sandbox's call log.

As in AWS, an account's history contains the management events of its own principals, and each AssumeRole by which
another account's principal assumed one of its roles. For another account's principal, an event contains the account and
the unique ID, not the ARN. Each region has its own history. Unlike in AWS, events are available immediately.

Source: CloudTrail user guide, cloudtrail-event-reference-user-identity; CloudTrail API reference, LookupEvents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
    """Answer LookupEvents. entries: the log, oldest first. Raises ResponseError for invalid parameters."""
    size, start = call.parameters.get("MaxResults", PAGE), call.text("NextToken") or "0"
    if not isinstance(size, int) or not 1 <= size <= PAGE or not start.isdigit():
        raise ResponseError("InvalidMaxResultsException", f"MaxResults must be between 1 and {PAGE}.")
    name, value = _attribute(call)
    events = [event for entry in entries if _region(entry) == call.region and (event := _event(entry, account))]
    found = [event for event in reversed(events) if _in_time_range(event, call) and _matches(event, name, value)]
    end = int(start) + size
    next_token = {"NextToken": str(end)} if end < len(found) else {}
    return json_result({"Events": found[int(start) : end], **next_token})


def _attribute(call: Call) -> tuple[str, str]:
    attributes = call.parameters.get("LookupAttributes") or []
    try:
        ((name, value),) = [(a["AttributeKey"], a["AttributeValue"]) for a in attributes] or [("", "")]
    except (ValueError, KeyError, TypeError) as error:
        raise ResponseError("InvalidLookupAttributesException", "Exactly one lookup attribute can be given.") from error
    if name not in (*_ATTRIBUTES, "ResourceName", ""):
        raise ResponseError("InvalidLookupAttributesException", f"the sandbox does not support lookups by {name}")
    return str(name), str(value)


def _matches(event: Mapping[str, Any], name: str, value: str) -> bool:
    if name == "ResourceName":
        return any(resource["ResourceName"] == value for resource in event["Resources"])
    return not name or event[_ATTRIBUTES[name]] == value


def _in_time_range(event: Mapping[str, Any], call: Call) -> bool:
    time = event["EventTime"]
    return bool(call.parameters.get("StartTime", 0) <= time <= call.parameters.get("EndTime", time))


def _event(entry: Entry, viewer: str) -> dict[str, Any] | None:
    """Return an entry as an event in the history of account `viewer`, None if the history does not contain it."""
    own = entry.account == viewer
    assumed = entry.action == "AssumeRole" and not entry.error and account_of(entry.resource) == viewer
    if not (own or assumed) or f"{entry.service}:{entry.action}" in _DATA_EVENTS or entry.status is None:
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
    roles = [{"accountId": account_of(entry.resource), "type": "AWS::IAM::Role", "ARN": entry.resource}]
    error = {"errorCode": entry.error, "errorMessage": entry.message} if entry.error else {}
    return {
        "eventVersion": "1.08",
        "userIdentity": _identity(entry, viewer),
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
        "resources": roles if entry.action == "AssumeRole" else [],
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
    match f"{entry.service}:{entry.action}":
        case "sts:AssumeRole" if not entry.error:
            return {"roleArn": entry.resource}
        case "iam:CreateRole":
            return {"roleName": entry.resource.rpartition("/")[2]}
    return None


def _identity(entry: Entry, viewer: str) -> dict[str, str]:
    if entry.account != viewer:
        return {"type": "AWSAccount", "principalId": entry.caller_id, "accountId": entry.account}
    kinds = {":assumed-role/": "AssumedRole", ":oidc-provider/": "WebIdentityUser"}
    kind = next((kind for part, kind in kinds.items() if part in entry.caller), "IAMUser")
    return {"type": kind, "principalId": entry.caller_id, "arn": entry.caller, "accountId": entry.account}
