from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tfdriver.sandbox.messages import HttpRequest
from tfdriver.sandbox.parse import Call, Protocol, parse_call


def signed(service: str, method: str = "POST", target: str = "/", body: bytes = b"", **headers: str) -> Call:
    """Parse a request signed for a service. headers: with `_` in place of `-`."""
    scope = f"AKIAEXAMPLE/20260301/us-west-2/{service}/aws4_request"
    path, _, query = target.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return parse_call(HttpRequest(method=method, path=path, query=query, headers=named, body=body))


FORM = "application/x-www-form-urlencoded; charset=utf-8"


def test_the_query_protocol() -> None:
    body = urlencode({"Action": "CreateRole", "RoleName": "foo", "Tags.member.1.Key": "a"}).encode()
    call = signed("iam", body=body, content_type=FORM, x_amz_security_token="token")

    assert (call.service, call.operation, call.protocol) == ("iam", "CreateRole", Protocol.QUERY)
    assert call.parameters["Tags.member.1.Key"] == "a"
    assert (call.access_key, call.session_token, call.region) == ("AKIAEXAMPLE", "token", "us-west-2")


def test_ec2_has_a_separate_protocol_for_its_error_format() -> None:
    call = signed("ec2", body=b"Action=DescribeInstances", content_type=FORM)

    assert (call.operation, call.protocol) == ("DescribeInstances", Protocol.EC2)


def test_the_json_protocol() -> None:
    call = signed("dynamodb", body=b'{"TableName": "T"}', x_amz_target="DynamoDB_20120810.PutItem")

    assert (call.service, call.operation, call.protocol) == ("dynamodb", "PutItem", Protocol.JSON)
    assert call.text("TableName") == "T"


def test_the_cbor_protocol() -> None:
    target = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    call = signed("monitoring", target=target, smithy_protocol="rpc-v2-cbor")

    assert (call.service, call.operation, call.protocol) == ("cloudwatch", "ListMetrics", Protocol.CBOR)


@pytest.mark.parametrize(
    ("method", "target", "operation", "parameters"),
    [
        ("GET", "/2015-03-31/functions", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/bar", "GetFunction", {"FunctionName": "bar"}),
        (
            "DELETE",
            "/2015-03-31/functions/bar?Qualifier=1",
            "DeleteFunction",
            {"FunctionName": "bar", "Qualifier": "1"},
        ),
        ("GET", "/2015-03-31/functions/bar/policy", "GetPolicy", {"FunctionName": "bar"}),
        ("POST", "/2015-03-31/functions/bar/invocations", "Invoke", {"FunctionName": "bar"}),
        ("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda", "GetFunction", {"FunctionName": "arn:aws:lambda"}),
        ("PUT", "/2015-03-31/functions/bar/nonsense", "", {}),
    ],
)
def test_the_rest_protocol_of_lambda(method: str, target: str, operation: str, parameters: dict[str, str]) -> None:
    call = signed("lambda", method, target)

    assert (call.operation, call.protocol) == (operation, Protocol.REST_JSON)
    assert call.parameters == parameters


def test_the_event_of_an_invocation_does_not_contain_parameters() -> None:
    event = json.dumps({"FunctionName": "other", "Role": "arn:aws:iam::111111111111:role/x"}).encode()
    call = signed("lambda", target="/2015-03-31/functions/bar/invocations", body=event)

    assert call.parameters == {"FunctionName": "bar"}


def test_parameters_in_the_url_override_the_body() -> None:
    body = json.dumps({"FunctionName": "other", "Role": "r"}).encode()
    call = signed("lambda", "PUT", "/2015-03-31/functions/bar/configuration", body)

    assert call.operation == "UpdateFunctionConfiguration"
    assert (call.text("FunctionName"), call.text("Role")) == ("bar", "r")


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/", "ListBuckets"),
        ("GET", "/bucket?list-type=2&prefix=x", "ListObjectsV2"),
        ("GET", "/bucket", "ListObjects"),
        ("HEAD", "/bucket/a/b", "HeadObject"),
        ("PUT", "/bucket/a/b?Action=CreateRole", "PutObject"),
        ("PUT", "/bucket/a/b?partNumber=1&uploadId=x", "UploadPart"),
        ("POST", "/bucket?delete", "DeleteObjects"),
    ],
)
def test_the_rest_protocol_of_s3(method: str, target: str, operation: str) -> None:
    call = signed("s3", method, target)

    assert (call.operation, call.protocol) == (operation, Protocol.REST_XML)
    if "a/b" in target:
        assert (call.text("Bucket"), call.text("Key")) == ("bucket", "a/b")


def test_a_presigned_url_contains_the_access_key() -> None:
    query = urlencode(
        {"X-Amz-Credential": "AKIAEXAMPLE/20260301/eu-west-1/s3/aws4_request", "X-Amz-Security-Token": "t"}
    )
    call = parse_call(HttpRequest("GET", "/bucket/key", query))

    assert (call.access_key, call.session_token, call.region) == ("AKIAEXAMPLE", "t", "eu-west-1")
    assert call.operation == "GetObject"


@pytest.mark.parametrize("authorization", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=AKIA", "AWS AKIA:sig"])
def test_an_unsigned_request_has_no_access_key(authorization: str) -> None:
    call = parse_call(HttpRequest("GET", "/", headers={"authorization": authorization}))

    assert call.access_key == ""
    assert call.operation == ""
