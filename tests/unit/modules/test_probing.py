"""The part of the example's Lambda function that tries what it must not be able to do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

SOURCE = Path(__file__).resolve().parents[3] / "modules/team_b_bar_app/lambda/probing.py"
ROLE = "arn:aws-cn:iam::111111111111:role/foo_bar"
TARGET = {"role_arn": ROLE, "external_id": "configured", "table_name": "TestTable", "region": "eu-west-1"}


@pytest.fixture(scope="module")
def probing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("probing", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def client_error(code: str, operation: str) -> ClientError:
    about = {"HTTPStatusCode": 400, "RequestId": "req-7"}
    return ClientError({"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": about}, operation)


class FakeAws:
    """Stands for boto3.client and its clients. refusals: what to raise, by method."""

    def __init__(self, **refusals: Exception) -> None:
        self.refusals = refusals
        self.clients: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.assumed: list[dict[str, Any]] = []

    def client(self, service: str, **arguments: Any) -> FakeAws:
        self.clients.append((service, arguments))
        return self

    def assume(self, target: dict[str, Any]) -> tuple[dict[str, str], str]:
        self.assumed.append(target)
        self._answer("assume_role")
        return {"aws_access_key_id": "ASIA", "aws_secret_access_key": "very-secret"}, "req-assume"

    def __getattr__(self, method: str) -> Any:
        def call(**request: Any) -> dict[str, Any]:
            self.calls.append((method, request))
            self._answer(method)
            return {"Item": {"secret": "very-secret"}, "ResponseMetadata": {"RequestId": "req-8"}}

        return call

    def _answer(self, method: str) -> None:
        if method in self.refusals:
            raise self.refusals[method]


def tried(probing: ModuleType, aws: FakeAws, call: str, who: str = "role", **more: Any) -> dict[str, Any]:
    attempt = {"call": call, "as": who, "role_arn": ROLE, "external_id": None} | more
    prober = probing.Prober([TARGET], "us-west-2", aws.client, aws.assume)
    (outcome,) = prober.try_all([attempt])["outcomes"]
    return dict(outcome)


def test_an_action_as_the_role_is_called_with_its_credentials_by_the_tables_name(probing):
    aws = FakeAws()
    found = tried(probing, aws, "dynamodb:GetItem", external_id="given")
    assert (found["ok"], found["request_id"]) == (True, "req-8")
    assert "secret" not in str(found)
    assert aws.assumed[0]["external_id"] == "given"
    service, arguments = aws.clients[-1]
    assert (service, arguments["region_name"], arguments["aws_access_key_id"]) == ("dynamodb", "eu-west-1", "ASIA")
    assert aws.calls[0][1]["TableName"] == "TestTable"


def test_as_itself_the_table_is_meant_by_its_arn_and_no_role_is_assumed(probing):
    aws = FakeAws(put_item=client_error("AccessDeniedException", "PutItem"))
    found = tried(probing, aws, "dynamodb:PutItem", "itself")
    assert aws.assumed == []
    assert "aws_access_key_id" not in aws.clients[-1][1]
    assert aws.calls[0][1]["TableName"] == "arn:aws-cn:dynamodb:eu-west-1:111111111111:table/TestTable"
    assert found == {
        "call": "dynamodb:PutItem",
        "ok": False,
        "code": "AccessDeniedException",
        "message": "words",
        "status": 400,
        "request_id": "req-7",
    }


@pytest.mark.parametrize("external_id", [None, "wrong"])
def test_assuming_sends_the_external_id_that_was_asked_for_not_the_configured_one(probing, external_id):
    aws = FakeAws()
    found = tried(probing, aws, "sts:AssumeRole", "itself", external_id=external_id)
    assert (found["ok"], found["request_id"]) == (True, "req-assume")
    assert aws.assumed == [TARGET | {"external_id": external_id}]
    assert aws.calls == []


def test_a_role_that_cannot_be_assumed_is_told_as_such(probing):
    aws = FakeAws(assume_role=client_error("AccessDenied", "AssumeRole"))
    found = tried(probing, aws, "dynamodb:Scan")
    assert (found["call"], found["code"]) == ("sts:AssumeRole", "AccessDenied")
    assert aws.calls == []


@pytest.mark.parametrize("action", ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"])
def test_a_write_can_never_be_done(probing, action):
    aws = FakeAws()
    tried(probing, aws, action)
    tried(probing, aws, action)
    (_, first), (_, second) = aws.calls
    assert first["ConditionExpression"] == "attribute_exists(MyPrimaryKey)"
    keys = [(call.get("Item") or call["Key"])["MyPrimaryKey"]["S"] for call in (first, second)]
    assert keys[0] != keys[1]


def test_only_its_own_roles_and_known_actions_are_tried(probing):
    aws = FakeAws()
    stranger = tried(probing, aws, "dynamodb:GetItem", role_arn="arn:aws:iam::999999999999:role/admin")
    unknown = tried(probing, aws, "iam:DeleteRole")
    assert (stranger["code"], unknown["code"]) == ("NotTried", "NotTried")
    assert aws.calls == []


def test_no_answer_has_no_code(probing):
    aws = FakeAws(get_caller_identity=ConnectTimeoutError(endpoint_url="x"))
    found = tried(probing, aws, "sts:GetCallerIdentity", "itself")
    assert (found["ok"], found["code"], found["status"]) == (False, "", 0)
    assert found["message"]


def test_every_call_is_made_once(probing):
    seen: list[Any] = []
    probing.once(lambda *_names, config: seen.append(config))("sts")
    assert seen[0].retries == {"total_max_attempts": 1}
