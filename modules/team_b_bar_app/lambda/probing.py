"""Tries what `tfdriver verify` asks for and tells what AWS answered; see "Attempts" in modules/README.md.

Nothing is read out and nothing is written: reads ask for a key that nobody has and only their success is told, writes
carry a condition that cannot hold. Only this function's own targets are tried.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEY = "MyPrimaryKey"

MakeClient = Callable[..., Any]
Assume = Callable[[dict[str, Any]], tuple[dict[str, str], str]]


def once(make_client: MakeClient) -> MakeClient:
    """Return how to make clients that try a call once: whoever asked for the attempt repeats it."""
    config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    return partial(make_client, config=config)


class Prober:
    """Tries calls as this function itself, or with the credentials of a role that it assumes.

    targets: as the function has them; assume: returns a target's credentials, as arguments for a client, and AWS's
    request id.
    """

    def __init__(self, targets: list[dict[str, Any]], own_region: str, make_client: MakeClient, assume: Assume) -> None:
        self._targets = {target["role_arn"]: target for target in targets}
        self._region = own_region
        self._make_client = make_client
        self._assume = assume

    def try_all(self, attempts: list[dict[str, Any]]) -> dict[str, Any]:
        """Return {"outcomes": [...]}, one for each attempt, in order."""
        return {"outcomes": [self._try(attempt) for attempt in attempts]}

    def _try(self, attempt: dict[str, Any]) -> dict[str, Any]:
        own = self._targets.get(attempt["role_arn"])
        if own is None:
            return unknown(attempt, "it is not a role of this function")
        target = {**own, "external_id": attempt.get("external_id")}
        answering = attempt["call"]
        try:
            credentials, request_id = {}, ""
            if attempt["as"] == "role" or answering == "sts:AssumeRole":
                answering = "sts:AssumeRole"
                credentials, request_id = self._assume(target)
            if attempt["call"] == "sts:AssumeRole":
                return allowed(attempt, request_id)
            answering = attempt["call"]
            call = self._call(attempt, target, credentials)
            if call is None:
                return unknown(attempt, "this function cannot try it")
            return allowed(attempt, call().get("ResponseMetadata", {}).get("RequestId", ""))
        except ClientError as error:
            return refused(answering, error)
        except BotoCoreError as error:
            return {"call": answering, "ok": False, "code": "", "message": str(error), "status": 0, "request_id": ""}

    def _call(self, attempt: dict[str, Any], target: dict[str, Any], credentials: dict[str, str]) -> Any:
        if attempt["call"] == "sts:GetCallerIdentity":
            return self._make_client("sts", region_name=self._region, **credentials).get_caller_identity
        if attempt["call"] not in HARMLESS:
            return None
        # With its own credentials the function is in its own account: only the ARN means the other account's table.
        table = target["table_name"] if attempt["as"] == "role" else table_arn(target)
        client = self._make_client("dynamodb", region_name=target["region"], **credentials)
        method, arguments = HARMLESS[attempt["call"]]
        return lambda: getattr(client, method)(TableName=table, **arguments(f"probe-{uuid.uuid4()}"))


def _write(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda key: {name: {KEY: {"S": key}}, "ConditionExpression": f"attribute_exists({KEY})"}


# IAM action -> method of the client, and its arguments for a key that nobody has.
HARMLESS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "dynamodb:PutItem": ("put_item", _write("Item")),
    "dynamodb:DeleteItem": ("delete_item", _write("Key")),
    "dynamodb:UpdateItem": ("update_item", _write("Key")),
    "dynamodb:GetItem": ("get_item", lambda key: {"Key": {KEY: {"S": key}}}),
    "dynamodb:Query": (
        "query",
        lambda key: {"KeyConditionExpression": f"{KEY} = :key", "ExpressionAttributeValues": {":key": {"S": key}}},
    ),
    "dynamodb:Scan": ("scan", lambda _key: {"Limit": 1, "Select": "COUNT"}),
    "dynamodb:DescribeTable": ("describe_table", lambda _key: {}),
}


def table_arn(target: dict[str, Any]) -> str:
    """Return the ARN of a target's table, which is in the account of the target's role."""
    _, partition, _, _, account, _ = target["role_arn"].split(":", 5)
    return f"arn:{partition}:dynamodb:{target['region']}:{account}:table/{target['table_name']}"


def allowed(attempt: dict[str, Any], request_id: str) -> dict[str, Any]:
    """Return the outcome of a call that went through; nothing of what it answered but the request id."""
    return {"call": attempt["call"], "ok": True, "code": "", "message": "", "status": 200, "request_id": request_id}


def refused(call: str, error: ClientError) -> dict[str, Any]:
    """Return the outcome of a call that AWS answered with an error. call: the one that it answered."""
    said, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    return {
        "call": call,
        "ok": False,
        "code": said.get("Code", ""),
        "message": said.get("Message", ""),
        "status": about.get("HTTPStatusCode", 0),
        "request_id": about.get("RequestId", ""),
    }


def unknown(attempt: dict[str, Any], why: str) -> dict[str, Any]:
    """Return the outcome of an attempt that was not made."""
    return {"call": attempt["call"], "ok": False, "code": "NotTried", "message": why, "status": 0, "request_id": ""}
