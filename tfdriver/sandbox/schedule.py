"""Fires the schedule of an event rule on demand, as EventBridge would when its time comes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tfdriver.iam.conditions import RequestContext
from tfdriver.iam.evaluator import AccessRequest, Effect, Principal, match_trust_policy
from tfdriver.sandbox.authentication import times
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.resources import LambdaFunction, Rule, Target
from tfdriver.sandbox.responses import ResponseError

SERVICE = "events.amazonaws.com"
ACTION = "lambda:InvokeFunction"


# Is told of every target: the rule, the target's ARN, whether it was allowed, and why not.
Record = Callable[[Rule, str, bool, str], None]


def names(functions: Functions) -> list[str]:
    """Return the names of the rules that can be fired."""
    return sorted({rule.name for rule in functions.backend.scheduled_rules()})


def fire(functions: Functions, name: str, record: Record) -> list[Target]:
    """Fire all enabled scheduled rules of a name, in any account, and wait for their targets.

    A function runs only if its policy lets events.amazonaws.com invoke it with the rule as source.
    """
    return [
        _run(functions, rule, target, record)
        for rule in functions.backend.scheduled_rules()
        for target in rule.targets
        if rule.name == name
    ]


def as_json(fired: list[Target]) -> bytes:
    """Return what ran as a JSON list."""
    return json.dumps([asdict(one) for one in fired]).encode()


def _run(functions: Functions, rule: Rule, target: Mapping[str, Any], record: Record) -> Target:
    arn = str(target["Arn"])
    function = functions.backend.function(rule.account, rule.region, arn) if ":lambda:" in arn else None
    if function is None:
        return Target(rule.arn, arn, ran=False, error="no such Lambda function; the sandbox fires nothing else")
    allowed = _allowed(function, rule)
    reason = "" if allowed else f"because no resource-based policy allows the {ACTION} action"
    record(rule, arn, allowed, reason)
    if not allowed:
        return Target(rule.arn, arn, ran=False, error=f"{SERVICE} is not authorized to perform: {ACTION} {reason}")
    try:
        invocation = functions.run(function, _event(rule, target))
    except ResponseError as error:
        return Target(rule.arn, arn, ran=False, error=error.message)
    return Target(rule.arn, arn, ran=True, error=invocation.error, payload=json.loads(invocation.payload))


def _allowed(function: LambdaFunction, rule: Rule) -> bool:
    now = times(datetime.now(UTC))
    facts = {"aws:sourcearn": rule.arn, "aws:sourceaccount": rule.account, **now}
    request = AccessRequest(ACTION, function.arn, RequestContext(facts))
    return match_trust_policy(function.policy, Principal(service=SERVICE), request).effect is Effect.ALLOW


def _event(rule: Rule, target: Mapping[str, Any]) -> bytes:
    """Return the event of a schedule, or the target's constant input.

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
