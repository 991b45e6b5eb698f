"""Writes one item to each DynamoDB table that other accounts let this function write to.

The environment variable TARGETS says where: a JSON list of {"role_arn", "external_id", "table_name", "region"}.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Write one item to each table; return what was written.

    For `tfdriver verify`: a text `probe` in the event goes into the items, `role_arn` says which one target to write
    to; with a list of `attempts`, nothing is written and they are tried instead, see `probing`.
    """
    targets = json.loads(os.environ["TARGETS"])
    region = os.environ["AWS_REGION"]
    if "attempts" in event:
        return try_all(event["attempts"], targets, context.function_name, region)
    chosen = [target for target in targets if event.get("role_arn") in (None, target["role_arn"])]
    return write_items(chosen, event.get("probe"), context.function_name, region, boto3.client)


def write_items(
    targets: list[dict[str, Any]],
    probe: str | None,
    function_name: str,
    own_region: str,
    make_client: Callable[..., Any],
) -> dict[str, Any]:
    """Assume each target's role and write an item to its table.

    Returns {"written": [{"table_name", "region", "key", "item"}, ...]}; raises what AWS's client raises.
    """
    sts = make_client("sts", region_name=own_region)
    written = []
    for target in targets:
        credentials, _ = assume(sts, target, function_name)
        table = make_client("dynamodb", region_name=target["region"], **credentials)
        item = new_item(function_name, probe)
        table.put_item(TableName=target["table_name"], Item={name: {"S": text} for name, text in item.items()})
        log.info("wrote %s to %s as %s", item["MyPrimaryKey"], target["table_name"], target["role_arn"])
        written.append(
            {
                "table_name": target["table_name"],
                "region": target["region"],
                "key": item["MyPrimaryKey"],
                "item": item,
            }
        )
    return {"written": written}


def try_all(
    attempts: list[dict[str, Any]], targets: list[dict[str, Any]], function_name: str, own_region: str
) -> dict[str, Any]:
    """Return what came of each attempt."""
    from probing import Prober, once  # only a probe needs it

    sts = once(boto3.client)("sts", region_name=own_region)
    prober = Prober(targets, own_region, once(boto3.client), lambda target: assume(sts, target, function_name))
    return prober.try_all(attempts)


def assume(sts: Any, target: dict[str, Any], function_name: str) -> tuple[dict[str, str], str]:
    """Return temporary credentials of the target's role, as arguments for a client, and AWS's request id.

    The session bears our name.
    """
    # AWS wants 2 to 64 characters for a session's name; a function's name may be a single one.
    request = {"RoleArn": target["role_arn"], "RoleSessionName": function_name.ljust(2, "-")}
    if target.get("external_id"):
        request["ExternalId"] = target["external_id"]
    response = sts.assume_role(**request)
    credentials = response["Credentials"]
    arguments = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    return arguments, response.get("ResponseMetadata", {}).get("RequestId", "")


def new_item(function_name: str, probe: str | None) -> dict[str, str]:
    """Return a new item: a unique key, who wrote it and when (UTC), and the probe if there is one."""
    item = {
        "MyPrimaryKey": str(uuid.uuid4()),
        "WrittenAt": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "WrittenBy": function_name,
    }
    return item if probe is None else item | {"Probe": probe}
