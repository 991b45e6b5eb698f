"""The example's Lambda function, with clients of AWS passed in that only note what they are asked."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "modules/team_b_bar_app/lambda/handler.py"
TARGET = {
    "role_arn": "arn:aws:iam::111111111111:role/foo_bar",
    "external_id": None,
    "table_name": "TestTable",
    "region": "eu-west-1",
}


class FakeAws:
    """Stands for boto3.client and for the clients it makes; `calls` notes everything."""

    def __init__(self) -> None:
        self.clients: list[tuple[str, dict[str, str]]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str, **arguments: str) -> FakeAws:
        self.clients.append((service, arguments))
        return self

    def assume_role(self, **request: str) -> dict[str, Any]:
        self.calls.append(("assume_role", request))
        name = request["RoleArn"].split("/")[-1]
        secrets = {"AccessKeyId": f"ASIA-{name}", "SecretAccessKey": "very-secret", "SessionToken": "very-secret-too"}
        return {"Credentials": secrets}

    def put_item(self, **request: Any) -> dict[str, Any]:
        self.calls.append(("put_item", request))
        return {}


@pytest.fixture
def handler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("handler", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_assumes_the_role_in_its_own_region_and_writes_in_the_tables(handler: ModuleType) -> None:
    aws = FakeAws()
    handler.write_items([TARGET], None, "bar", "us-west-2", aws.client)
    assert aws.clients[0] == ("sts", {"region_name": "us-west-2"})
    service, arguments = aws.clients[1]
    assert (service, arguments["region_name"]) == ("dynamodb", "eu-west-1")
    assert arguments["aws_access_key_id"] == "ASIA-foo_bar"
    assert arguments["aws_session_token"] == "very-secret-too"
    assert aws.calls[0] == ("assume_role", {"RoleArn": TARGET["role_arn"], "RoleSessionName": "bar"})


def test_assuming_a_role_gives_awss_request_id_too(handler: ModuleType) -> None:
    aws = FakeAws()
    answered = aws.assume_role(RoleArn="r") | {"ResponseMetadata": {"RequestId": "req-1"}}
    aws.assume_role = lambda **_request: answered  # type: ignore[method-assign]
    credentials, request_id = handler.assume(aws, TARGET, "bar")
    assert (sorted(credentials)[0], request_id) == ("aws_access_key_id", "req-1")


def test_it_returns_what_it_wrote(handler: ModuleType) -> None:
    aws = FakeAws()
    (written,) = handler.write_items([TARGET], "probe-1", "bar", "us-west-2", aws.client)["written"]
    request = aws.calls[1][1]
    assert request["TableName"] == "TestTable"
    assert request["Item"] == {name: {"S": value} for name, value in written["item"].items()}
    assert written["key"] == written["item"]["MyPrimaryKey"]
    assert written["item"]["Probe"] == "probe-1"
    assert (written["table_name"], written["region"]) == ("TestTable", "eu-west-1")
    json.dumps(written)


def test_every_item_has_its_own_key_and_no_probe_unless_asked(handler: ModuleType) -> None:
    first, second = handler.write_items([TARGET, TARGET], None, "bar", "x", FakeAws().client)["written"]
    assert first["key"] != second["key"]
    assert set(first["item"]) == {"MyPrimaryKey", "WrittenAt", "WrittenBy"}


@pytest.mark.parametrize(("external_id", "sent"), [(None, {}), ("abc", {"ExternalId": "abc"})])
def test_an_external_id_is_sent_only_if_there_is_one(handler: ModuleType, external_id: str | None, sent: dict) -> None:
    aws = FakeAws()
    handler.write_items([{**TARGET, "external_id": external_id}], None, "bar", "x", aws.client)
    assert {k: v for k, v in aws.calls[0][1].items() if k == "ExternalId"} == sent


def test_a_session_name_is_never_too_short(handler: ModuleType) -> None:
    aws = FakeAws()
    handler.write_items([TARGET], None, "b", "x", aws.client)
    assert aws.calls[0][1]["RoleSessionName"] == "b-"


def test_each_target_gets_the_credentials_of_its_own_role(handler: ModuleType) -> None:
    aws = FakeAws()
    other = {**TARGET, "role_arn": "arn:aws:iam::333333333333:role/other", "table_name": "Other"}
    written = handler.write_items([TARGET, other], None, "bar", "x", aws.client)["written"]
    keys = [arguments["aws_access_key_id"] for service, arguments in aws.clients if service == "dynamodb"]
    assert keys == ["ASIA-foo_bar", "ASIA-other"]
    assert [item["table_name"] for item in written] == ["TestTable", "Other"]


def test_no_credentials_are_logged(handler: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        handler.write_items([TARGET], None, "bar", "x", FakeAws().client)
    assert "TestTable" in caplog.text
    assert "secret" not in caplog.text
    assert "ASIA" not in caplog.text
