"""The contents of the two accounts: reads, compares and creates them."""

from __future__ import annotations

import json
from typing import Any

import boto3
from botocore.config import Config

from tests.faults.trustlog import BY_HAND
from tests.integration.conftest import World

A, B = "account_a", "account_b"
FOO = "arn:aws:iam::111111111111:role/foo_bar"
BAR = "arn:aws:iam::222222222222:role/bar"
TABLE = "Faults"
MANAGED = frozenset({(A, "role", "foo_bar"), (A, "table", TABLE), (B, "role", "bar")})

# Similar names, the same names in the other account, and the tags of another project.
_BYSTANDERS = ((A, ("foo_bar2", "foo_ba", "bar"), ("Faults2", "Fault")), (B, ("foo_bar", "bar_", "ba"), (TABLE,)))
_SERVICE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
UNMANAGED_TAGS = {"owner": "somebody"}
_OTHER_PROJECT_TAGS = {"tfdriver:project": "another", "tfdriver:composition": A}

# By account, kind (role or table) and name. `id` changes when a role is deleted and created again.
Contents = dict[tuple[str, str, str], dict[str, Any]]


def manual_client(world: World, service: str, account: str) -> Any:
    """A client of an account's administrator; its user agent distinguishes its calls from tfdriver's."""
    key = (account, service)
    if key not in world.manual_clients:
        config = Config(user_agent_extra=BY_HAND)
        session = _session(world, account)
        world.manual_clients[key] = session.client(service, endpoint_url=world.server.endpoint, config=config)
    return world.manual_clients[key]


def _session(world: World, account: str) -> boto3.Session:
    """A session with a separate key, which does not expire with tfdriver's."""
    name = f"{BY_HAND} {account}"
    if name not in world.sessions:
        key = world.client("iam", account).create_access_key(UserName="admin")["AccessKey"]
        keys = (key["AccessKeyId"], key["SecretAccessKey"])
        world.sessions[name] = boto3.Session(*keys, region_name="us-west-2")
    return world.sessions[name]


def read(world: World) -> Contents:
    """Return the roles and tables of both accounts."""
    found: Contents = {}
    for account in (A, B):
        iam, dynamodb = manual_client(world, "iam", account), manual_client(world, "dynamodb", account)
        for name in [r["RoleName"] for r in iam.list_roles()["Roles"]]:
            found[account, "role", name] = _role(iam, name)
        for name in dynamodb.list_tables()["TableNames"]:
            found[account, "table", name] = _table(dynamodb, name)
    return found


def managed(contents: Contents) -> Contents:
    """Return the managed resources, without their unique ids."""
    found = {k: what for k, what in contents.items() if k in MANAGED and what["tags"] != UNMANAGED_TAGS}
    return {k: {n: v for n, v in what.items() if n != "id"} for k, what in found.items()}


def bystanders(contents: Contents) -> Contents:
    """Return the resources that the project does not manage."""
    return {k: what for k, what in contents.items() if k not in MANAGED}


def create_bystanders(world: World) -> None:
    """Create the resources that tfdriver must never change."""
    for account, roles, tables in _BYSTANDERS:
        for name in roles:
            role = {"path": "/", "trust": _SERVICE_TRUST, "tags": _OTHER_PROJECT_TAGS, "inline": {"put": _policy()}}
            _create_role(world, account, name, role)
        for name in tables:
            _create_table(
                world, account, name, {"billing": "PAY_PER_REQUEST", "key": "Key", "tags": _OTHER_PROJECT_TAGS}
            )


def create(world: World, contents: Contents) -> None:
    """Create `contents` in the accounts; B's roles first, because A's trust policy names them."""
    for (account, kind, name), what in sorted(contents.items(), reverse=True):
        (_create_role if kind == "role" else _create_table)(world, account, name, what)


def create_unmanaged_role(world: World) -> None:
    """Create an unmanaged role with the trusted role's name."""
    _create_role(world, B, "bar", {"path": "/", "trust": _SERVICE_TRUST, "tags": UNMANAGED_TAGS, "inline": {}})


def delete_role(world: World, account: str, name: str) -> None:
    """Delete a role by hand."""
    iam = manual_client(world, "iam", account)
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def edit_trust(world: World) -> None:
    """Make the trusting role trust its own account, as a person might do by hand."""
    policy = json.loads(json.dumps(_SERVICE_TRUST))
    policy["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::111111111111:root"}
    manual_client(world, "iam", A).update_assume_role_policy(RoleName="foo_bar", PolicyDocument=json.dumps(policy))


def _policy() -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}]}


def _role(iam: Any, name: str) -> dict[str, Any]:
    role = iam.get_role(RoleName=name)["Role"]
    policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "id": role["RoleId"],
        "path": role["Path"],
        "trust": role["AssumeRolePolicyDocument"],
        "tags": _pairs(role.get("Tags", [])),
        "inline": {p: iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in policies},
        "attached": [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]],
    }


def _table(dynamodb: Any, name: str) -> dict[str, Any]:
    table = dynamodb.describe_table(TableName=name)["Table"]
    return {
        "id": str(table["CreationDateTime"]),
        "billing": table["BillingModeSummary"]["BillingMode"],
        "key": table["KeySchema"][0]["AttributeName"],
        "tags": _pairs(dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]),
    }


def _create_role(world: World, account: str, name: str, role: dict[str, Any]) -> None:
    iam = manual_client(world, "iam", account)
    iam.create_role(
        RoleName=name, Path=role["path"], AssumeRolePolicyDocument=json.dumps(role["trust"]), Tags=_list(role["tags"])
    )
    for policy, document in role["inline"].items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def _create_table(world: World, account: str, name: str, table: dict[str, Any]) -> None:
    manual_client(world, "dynamodb", account).create_table(
        TableName=name,
        BillingMode=table["billing"],
        KeySchema=[{"AttributeName": table["key"], "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": table["key"], "AttributeType": "S"}],
        Tags=_list(table["tags"]),
    )


def _pairs(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in sorted(tags, key=lambda t: t["Key"])}


def _list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
