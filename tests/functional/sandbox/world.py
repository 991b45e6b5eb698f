"""Helpers for tests in a sandbox with two accounts."""

from __future__ import annotations

import configparser
import io
import itertools
import json
import zipfile
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tfdriver.sandbox.start import Sandbox
from tfdriver.spec.model import Account

TRUSTING = Account(name="trusting", id="515151515151", profile="trusting_admin", region="us-west-2", partition="aws")
TRUSTED = Account(name="trusted", id="616161616161", profile="trusted_admin", region="eu-central-1", partition="aws")

_numbers = itertools.count()


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """Return a statement of a permissions policy."""
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def trust(principal: Any, *, effect: str = "Allow", **condition: dict[str, Any]) -> dict[str, Any]:
    """Return a statement of a trust policy. principal: AWS principals, or a whole Principal element."""
    element = principal if isinstance(principal, dict) else {"AWS": principal}
    statement = {"Effect": effect, "Principal": element, "Action": "sts:AssumeRole"}
    return statement | ({"Condition": condition} if condition else {})


def policy(*statements: dict[str, Any]) -> str:
    """Return a policy document as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def zipped(code: str) -> bytes:
    """Return a zip that contains the code as main.py."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", code)
    return buffer.getvalue()


@dataclass(frozen=True)
class Caller:
    """Credentials for an endpoint and a region."""

    endpoint: str
    region: str
    keys: tuple[str, ...]

    def client(self, service: str) -> Any:
        """Return a client that does not retry."""
        return _client(self.endpoint, self.region, self.keys, service)

    def assume(self, role_arn: str, **parameters: Any) -> Caller:
        """Assume a role and return the session. Raises ClientError."""
        parameters = {"RoleSessionName": "test"} | parameters
        credentials = self.client("sts").assume_role(RoleArn=role_arn, **parameters)["Credentials"]
        keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
        return replace(self, keys=keys)


_session = boto3.Session()  # shared, since it caches the models of the services


@cache
def _client(endpoint: str, region: str, keys: tuple[str, ...], service: str) -> Any:
    key, secret, token = (*keys, None)[:3]
    return _session.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=60),
    )


def admin(sandbox: Sandbox, account: Account) -> Caller:
    """Return the admin whose keys are in the account's profile."""
    credentials = configparser.ConfigParser()
    credentials.read(sandbox.environment["AWS_SHARED_CREDENTIALS_FILE"])
    profile = credentials[account.profile]
    keys = (profile["aws_access_key_id"], profile["aws_secret_access_key"])
    return Caller(sandbox.endpoint, account.region, keys)


@dataclass(frozen=True)
class World:
    """A sandbox and the admins of its trusting and trusted accounts."""

    sandbox: Sandbox
    trusting: Caller = field(init=False)
    trusted: Caller = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trusting", admin(self.sandbox, TRUSTING))
        object.__setattr__(self, "trusted", admin(self.sandbox, TRUSTED))

    def name(self, stem: str = "thing") -> str:
        """Return a name that no other test uses."""
        return f"{stem}-{next(_numbers)}"

    def role(
        self, owner: Caller, *statements: dict[str, Any], permissions: Any = (), name: str = "", path: str = "/"
    ) -> str:
        """Create a role and return its ARN. statements: of its trust policy; permissions: of its permissions policy."""
        name = name or self.name("role")
        iam = owner.client("iam")
        role = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=policy(*statements))["Role"]
        if permissions:
            iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=policy(*permissions))
        return str(role["Arn"])

    def user(self, owner: Caller, *permissions: dict[str, Any]) -> Caller:
        """Create a user with these permissions and return it."""
        name, iam = self.name("user"), owner.client("iam")
        iam.create_user(UserName=name)
        if permissions:
            iam.put_user_policy(UserName=name, PolicyName="permissions", PolicyDocument=policy(*permissions))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Caller(owner.endpoint, owner.region, (key["AccessKeyId"], key["SecretAccessKey"]))

    def trusted_role(self, *permissions: dict[str, Any], path: str = "/") -> tuple[str, Caller]:
        """Create a role in the trusted account. Return its ARN and a session."""
        arn = self.role(self.trusted, trust(self.arn(self.trusted)), permissions=permissions, path=path)
        return arn, self.trusted.assume(arn)

    def arn(self, caller: Caller) -> str:
        """Return a caller's ARN."""
        return str(caller.client("sts").get_caller_identity()["Arn"])

    def principals(self, owner: Caller, role_arn: str) -> Any:
        """Return the AWS principals in a role's trust policy."""
        role = owner.client("iam").get_role(RoleName=role_arn.rpartition("/")[2])["Role"]
        return role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]

    def delete_role(self, owner: Caller, arn: str) -> None:
        """Delete a role and its inline policy."""
        name, iam = arn.rpartition("/")[2], owner.client("iam")
        for inline in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=inline)
        iam.delete_role(RoleName=name)

    def function(self, code: str, role_arn: str, **settings: Any) -> str:
        """Create a Lambda function in the trusted account and return its name."""
        name = self.name("function")
        defaults = {
            "Runtime": "python3.13",
            "Handler": "main.handler",
            "Timeout": 20,
            "Code": {"ZipFile": zipped(code)},
        }
        self.trusted.client("lambda").create_function(FunctionName=name, Role=role_arn, **defaults | settings)
        return name

    def execution_role(self, *permissions: dict[str, Any]) -> str:
        """Create a role for Lambda in the trusted account and return its ARN."""
        return self.role(self.trusted, trust({"Service": "lambda.amazonaws.com"}), permissions=permissions)


def outcome(call: Any, *arguments: Any, **keywords: Any) -> str:
    """Make a call. Return 'allowed', or AWS's error code and message."""
    try:
        call(*arguments, **keywords)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return "allowed"
