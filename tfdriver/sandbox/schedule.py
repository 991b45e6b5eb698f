"""Fires the schedule of an event rule on demand, as EventBridge does at the scheduled time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tfdriver.iam.conditions import RequestContext
from tfdriver.iam.evaluator import AccessRequest, Permissions, Principal, ResourcePolicy, authorize_on
from tfdriver.sandbox.authentication import time_keys
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.resources import LambdaFunction, Rule, Target
from tfdriver.sandbox.responses import ResponseError

SERVICE = "events.amazonaws.com"
ACTION = "lambda:InvokeFunction"


# Called for each target with the rule, the target's ARN, whether the invocation is allowed, and why not.
Record = Callable[[Rule, str, bool, str], None]


def fire(functions: Functions, name: str, record: Record) -> list[Target]:
    """Fire all enabled rules with this name, in all accounts, and wait for their targets.

    A function runs only if its resource-based policy allows events.amazonaws.com to invoke it for the rule.
    """
    return [
        _run(functions, rule, target, record)
        for rule in functions.backend.scheduled_rules()
        for target in rule.targets
        if rule.name == name
    ]


def _run(functions: Functions, rule: Rule, target: Mapping[str, Any], record: Record) -> Target:
    arn = str(target["Arn"])
    function = functions.backend.function(rule.account, rule.region, arn) if ":lambda:" in arn else None
    if function is None:
        error = "Lambda function not found, and the sandbox supports no other targets"
        return Target(rule=rule.arn, target=arn, ran=False, error=error)
    allowed = _allowed(function, rule)
    reason = "" if allowed else f"because no resource-based policy allows the {ACTION} action"
    record(rule, arn, allowed, reason)
    if not allowed:
        error = f"{SERVICE} is not authorized to perform: {ACTION} {reason}"
        return Target(rule=rule.arn, target=arn, ran=False, error=error)
    try:
        invocation = functions.run(function, _event(rule, target))
    except ResponseError as refused:
        return Target(rule=rule.arn, target=arn, ran=False, error=refused.message)
    payload = json.loads(invocation.payload)
    return Target(rule=rule.arn, target=arn, ran=True, error=invocation.error, payload=payload)


def _allowed(function: LambdaFunction, rule: Rule) -> bool:
    keys = {"aws:sourcearn": rule.arn, "aws:sourceaccount": rule.account, **time_keys(datetime.now(UTC))}
    request = AccessRequest(ACTION, function.arn, RequestContext(keys))
    policy = ResourcePolicy(function.account, function.policy)
    return authorize_on(policy, Principal(service=SERVICE), Permissions(), request).allowed


def _event(rule: Rule, target: Mapping[str, Any]) -> bytes:
    """Return the target's constant input, or else the event of a schedule.

    Source: EventBridge user guide, eb-create-rule-schedule.
    """
    if target.get("Input"):
        return str(target["Input"]).encode()
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": rule.region,
        "resources": [rule.arn],
        "detail": {},
    }
    return json.dumps(event).encode()
