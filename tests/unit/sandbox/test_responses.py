from __future__ import annotations

import json

import pytest

from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import Call, Protocol
from tfdriver.sandbox.responses import (
    ResponseError,
    error_code,
    error_message,
    error_response,
    sts_result,
    with_request_id,
)

DENIED = ResponseError("AccessDenied", 'User: <me> & "you"', 403)


@pytest.mark.parametrize(
    ("protocol", "status", "code"),
    [
        (Protocol.QUERY, 403, "AccessDenied"),
        (Protocol.EC2, 403, "UnauthorizedOperation"),
        (Protocol.JSON, 400, "AccessDeniedException"),
        (Protocol.CBOR, 400, "AccessDeniedException"),
        (Protocol.REST_JSON, 403, "AccessDeniedException"),
        (Protocol.REST_XML, 403, "AccessDenied"),
    ],
)
def test_an_error_has_the_format_of_its_protocol(protocol: Protocol, status: int, code: str) -> None:
    response = error_response(Call("x", "Y", protocol), DENIED)

    assert (response.status, error_code(response)) == (status, code)
    if protocol in (Protocol.JSON, Protocol.CBOR, Protocol.REST_JSON):
        assert json.loads(response.body)["message"] == DENIED.message
        assert error_message(response) == DENIED.message
    else:
        assert b'<Message>User: &lt;me&gt; &amp; "you"</Message>' in response.body


@pytest.mark.parametrize(
    ("response", "code", "message"),
    [
        (HttpResponse(200, b"<Code>x</Code>"), "", ""),
        (HttpResponse(404, b'{"__type": "com.amazonaws.x#NotFound", "message": "a \\"b\\""}'), "NotFound", 'a "b"'),
        (HttpResponse(400, b'{"Message": "m"}', {"X-Amzn-ErrorType": "Bad:http://x"}), "Bad", "m"),
        (HttpResponse(502, b"oops"), "502", ""),
    ],
)
def test_code_and_message_of_a_response(response: HttpResponse, code: str, message: str) -> None:
    assert (error_code(response), error_message(response)) == (code, message)


def test_the_request_id_is_in_the_headers_and_the_xml_body() -> None:
    xml = with_request_id(sts_result("GetCallerIdentity", {"Arn": "<a>"}), "the-id")
    json_response = with_request_id(HttpResponse(200, b"{}", {"X-Amzn-RequestId": "moto's"}), "the-id")

    assert b"<Arn>&lt;a&gt;</Arn>" in xml.body
    assert b"<RequestId>the-id</RequestId>" in xml.body
    assert set(json_response.headers.values()) == {"the-id"}
    assert json_response.body == b"{}"
