"""Results and errors in the format of each protocol, with AWS's error codes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote
from xml.sax.saxutils import escape, unescape

from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import Call, Protocol

STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class ResponseError(Exception):
    """An error of AWS. code: in the query protocol; see `CODES` for the others."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


# Error code in the query protocol -> error code in the JSON protocols.
# Source: each service's API reference, "Common Errors".
CODES: Mapping[str, str] = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "ExpiredToken": "ExpiredTokenException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "Throttling": "ThrottlingException",
}
_S3_CODES = {"InvalidClientTokenId": "InvalidAccessKeyId"}
_EC2_CODES = {"AccessDenied": "UnauthorizedOperation", "InvalidClientTokenId": "AuthFailure"}


def error_response(call: Call, error: ResponseError) -> HttpResponse:
    """Return an error in the format of the call's protocol."""
    match call.protocol:
        case Protocol.JSON | Protocol.CBOR:
            code = CODES.get(error.code, error.code)
            status = 400 if error.status == 403 else error.status  # these services use 400 where the others use 403
            return _json(status, code, {"__type": code, "message": error.message}, "application/x-amz-json-1.1")
        case Protocol.REST_JSON:
            code = CODES.get(error.code, error.code)
            return _json(error.status, code, {"Type": "User", "message": error.message}, "application/json")
        case Protocol.REST_XML:
            code = _S3_CODES.get(error.code, error.code)
            return _xml(error.status, f"<Error>{_code(code, error.message)}<RequestId></RequestId></Error>")
        case Protocol.EC2:
            code = _EC2_CODES.get(error.code, error.code)
            inner = f"<Errors><Error>{_code(code, error.message)}</Error></Errors><RequestID></RequestID>"
            return _xml(error.status, f"<Response>{inner}</Response>")
        case Protocol.QUERY:
            kind = "Receiver" if error.status >= 500 else "Sender"
            inner = f"<Error><Type>{kind}</Type>{_code(error.code, error.message)}</Error><RequestId></RequestId>"
            return _xml(error.status, f"<ErrorResponse>{inner}</ErrorResponse>")


def sts_result(operation: str, result: Mapping[str, object]) -> HttpResponse:
    """Return a result of STS. result: element name -> text, or a nested mapping."""
    inner = f"<{operation}Result>{_elements(result)}</{operation}Result>"
    metadata = "<ResponseMetadata><RequestId></RequestId></ResponseMetadata>"
    return _xml(200, f'<{operation}Response xmlns="{STS_NAMESPACE}">{inner}{metadata}</{operation}Response>')


def json_result(result: Mapping[str, object]) -> HttpResponse:
    """Return a result in the JSON protocols."""
    return HttpResponse(200, json.dumps(result).encode(), {"Content-Type": "application/x-amz-json-1.1"})


def with_request_id(response: HttpResponse, request_id: str) -> HttpResponse:
    """Return the response with this request ID in the headers and in an XML body."""
    replaced = {"x-amzn-requestid", "x-amz-request-id"}
    headers = {name: value for name, value in response.headers.items() if name.lower() not in replaced}
    headers |= {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
    body = response.body
    if body.startswith(b"<"):
        body = re.sub(rb"<(RequestI[dD])>[^<]*<", rb"<\1>" + request_id.encode() + b"<", body)
    return replace(response, headers=headers, body=body)


def with_encoded_policies(response: HttpResponse) -> HttpResponse:
    """Return a response of IAM with URL-encoded policies, as AWS sends them. moto encodes only some of them.

    Clients decode them, so that a `+` would become a space. Source: IAM API reference, e.g. GetPolicyVersion.
    """

    def encode(found: re.Match[str]) -> str:
        return f"<{found[1]}>{quote(unescape(found[2], {'&quot;': chr(34), '&#34;': chr(34)}), safe='')}<"

    pattern = r"<((?:AssumeRolePolicy|Policy|)Document)>(\s*(?:\{|&#123;)[^<]*)<"
    return replace(response, body=re.sub(pattern, encode, response.body.decode()).encode())


def error_code(response: HttpResponse) -> str:
    """Return the error code in a response, '' for a result."""
    if response.status < 400:
        return ""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if "x-amzn-errortype" in headers:
        return headers["x-amzn-errortype"].split(":")[0]
    found = re.search(rb'<Code>([^<]+)</Code>|"__type":\s*"(?:[^"#]*#)?([^"]+)"', response.body)
    return (found[1] or found[2]).decode() if found else str(response.status)


def error_message(response: HttpResponse) -> str:
    """Return the error message in a response, '' for none."""
    found = re.search(rb'<Message>([^<]*)</Message>|"[mM]essage":\s*("(?:[^"\\]|\\.)*")', response.body)
    if not found or response.status < 400:
        return ""
    return found[1].decode() if found[1] is not None else str(json.loads(found[2]))


def _json(status: int, code: str, body: Mapping[str, str], content_type: str) -> HttpResponse:
    headers = {"Content-Type": content_type, "x-amzn-ErrorType": code}
    return HttpResponse(status, json.dumps(body).encode(), headers)


def _xml(status: int, body: str) -> HttpResponse:
    return HttpResponse(status, body.encode(), {"Content-Type": "text/xml"})


def _code(code: str, message: str) -> str:
    return f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"


def _elements(result: Mapping[str, object]) -> str:
    return "".join(
        f"<{name}>{_elements(value) if isinstance(value, Mapping) else escape(str(value))}</{name}>"
        for name, value in result.items()
    )
