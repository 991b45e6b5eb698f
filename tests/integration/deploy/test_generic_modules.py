"""A hub role for CI jobs (trusted_role) and three spokes (trusting_role), from `plan` to `destroy`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.conftest import World, make_world
from tests.integration.deploy.test_ownership import UP
from tfdriver.project.init import init

pytestmark = pytest.mark.integration

HOST = "token.actions.githubusercontent.com"
UNSIGNED_CALLS = Config(signature_version=UNSIGNED)

SPEC = """
version: 1
project: hub
accounts:
  hub: {id: "222222222222", profile: hub, region: us-west-2}
  data: {id: "111111111111", profile: data, region: us-west-2}
  orders: {id: "333333333333", profile: orders, region: us-west-2}
  vault: {id: "444444444444", profile: vault, region: us-west-2}
roles:
  ci:
    account: hub
    module: trusted_role
    variables:
      oidc:
        url: https://token.actions.githubusercontent.com
        audience: sts.amazonaws.com
        subjects: ["repo:acme/app:ref:refs/heads/main"]
      probe_by: arn:aws:iam::222222222222:user/admin
  reports:
    account: data
    module: trusting_role
    variables:
      s3_read: [{arn: "arn:aws:s3:::acme-reports", prefix: 2026/}]
      probe: [{action: "s3:GetObject", arn: "arn:aws:s3:::acme-reports/2026/june", expect: allowed}]
    external_id: generate
    trusts: [ci]
  orders:
    account: orders
    module: trusting_role
    path: /team/
    variables:
      sqs_send: [{arn: "arn:aws:sqs:us-west-2:333333333333:orders", kms_key_arn: "KEY"}]
    external_id: generate
    trusts: [ci]
  api_key:
    account: vault
    module: trusting_role
    variables:
      secrets_read: [{arn: "SECRET"}]
    external_id: generate
    trusts: [ci]
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[World]:
    """A project in a sandbox where each spoke has its resource."""
    project = tmp_path / "hub"
    init(project)
    (project / "tfdriver.yaml").write_text(SPEC)
    for world in make_world(project, tmp_path):
        place = {"LocationConstraint": "us-west-2"}
        world.client("s3", "data").create_bucket(Bucket="acme-reports", CreateBucketConfiguration=place)
        for key in ("2025/june", "2026/june"):
            world.client("s3", "data").put_object(Bucket="acme-reports", Key=key, Body=b"sold")
        key = world.client("kms", "orders").create_key()["KeyMetadata"]["Arn"]
        world.client("sqs", "orders").create_queue(QueueName="orders", Attributes={"KmsMasterKeyId": key})
        secret = world.client("secretsmanager", "vault").create_secret(Name="api-key", SecretString="hunter2")
        (project / "tfdriver.yaml").write_text(SPEC.replace("SECRET", secret["ARN"]).replace("KEY", key))
        yield world


def token(subject: str) -> str:
    """A token as the identity provider gives to a CI job; the sandbox does not verify its signature."""
    claims = {"iss": f"https://{HOST}", "aud": "sts.amazonaws.com", "sub": subject, "exp": 2**32}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()}.e30"


class CiJob:
    """A process with the credentials of role `ci`. subject: of its token."""

    def __init__(self, world: World, subject: str) -> None:
        self.world = world
        sts = boto3.client("sts", endpoint_url=world.server.endpoint, region_name="us-west-2", config=UNSIGNED_CALLS)
        ci = {"RoleArn": "arn:aws:iam::222222222222:role/ci", "RoleSessionName": "ci-job"}
        self.own = _keys(sts.assume_role_with_web_identity(WebIdentityToken=token(subject), **ci))
        values = json.loads((world.project / "compositions/hub/terraform.tfvars.json").read_text())
        self.roles = {role["role"]: role for role in values["roles_to_assume"]["ci"]}

    def client(self, service: str, role: str) -> Any:
        """A client with the credentials of a trusting role."""
        spoke = self.roles[role]
        request = {"RoleArn": spoke["arn"], "ExternalId": spoke["external_id"], "RoleSessionName": "ci-job"}
        return self._client(service, _keys(self._client("sts", self.own).assume_role(**request)))

    def _client(self, service: str, keys: dict[str, str]) -> Any:
        return boto3.client(service, region_name="us-west-2", endpoint_url=self.world.server.endpoint, **keys)


def _keys(answer: dict[str, Any]) -> dict[str, str]:
    """The credentials of a role, as arguments for a client."""
    found = answer["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def refused(call: Callable[..., Any], **request: Any) -> bool:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return "AccessDenied" in caught.value.response["Error"]["Code"]


@pytest.mark.long
def test_a_ci_role_reaches_exactly_what_three_spokes_grant(hub: World) -> None:
    planned = hub.tfdriver("plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "In all: 9 to create, 1 to update." in planned.stdout

    up = hub.tfdriver(*UP)
    assert up.returncode == 0, up.stderr
    job, secret = CiJob(hub, "repo:acme/app:ref:refs/heads/main"), "api-key"
    assert refused(CiJob, world=hub, subject="repo:acme/app:pull_request")

    s3, sqs, secrets = job.client("s3", "reports"), job.client("sqs", "orders"), job.client("secretsmanager", "api_key")
    assert s3.get_object(Bucket="acme-reports", Key="2026/june")["Body"].read() == b"sold"
    assert s3.list_objects_v2(Bucket="acme-reports", Prefix="2026/")["KeyCount"] == 1
    assert refused(s3.get_object, Bucket="acme-reports", Key="2025/june")
    assert refused(s3.put_object, Bucket="acme-reports", Key="2026/june", Body=b"")
    queue = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    assert sqs.send_message(QueueUrl=queue, MessageBody="one")["MessageId"]
    assert refused(sqs.receive_message, QueueUrl=queue)
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "hunter2"
    assert refused(secrets.put_secret_value, SecretId=secret, SecretString="mine")

    verified = hub.tfdriver("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "40 checks: 40 passed" in verified.stdout
    policy = hub.tfdriver("policy")
    assert policy.returncode == 0, policy.stderr
    assert "not known" not in policy.stderr

    destroyed = hub.tfdriver("destroy", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert hub.client("iam", "hub").list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert hub.client("s3", "data").list_objects_v2(Bucket="acme-reports")["KeyCount"] == 2
