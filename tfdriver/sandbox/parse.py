"""Parses requests: service, operation, parameters, access key.

The query, EC2 and JSON protocols name the operation in the request. For the REST protocols, botocore's model of the
service is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from tfdriver.sandbox.messages import HttpRequest


class Protocol(StrEnum):
    """The protocol of a service: the format of its requests and errors."""

    QUERY = "query"
    EC2 = "ec2"
    JSON = "json"
    CBOR = "cbor"
    REST_JSON = "rest-json"
    REST_XML = "rest-xml"


@dataclass(frozen=True)
class Call:
    """A call. service: its IAM prefix, e.g. `lambda`; operation: its name in the API, e.g. `Invoke`.

    parameters: in the query protocol as sent (`Tags.member.1.Key`), else from the JSON body and the URL.
    """

    service: str
    operation: str
    protocol: Protocol
    region: str = "us-east-1"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    access_key: str = ""
    session_token: str = ""
    user_agent: str = ""

    def text(self, *names: str) -> str:
        """Return the first of these parameters that is a non-empty string, '' for none."""
        return next((v for n in names if isinstance(v := self.parameters.get(n), str) and v), "")


@dataclass(frozen=True)
class Route:
    """The requests of an operation of a REST service.

    query: required parameters, with their value or None for any; headers: required headers, in lower case.
    raw_body: the body is the payload of the call, not its parameters.
    """

    operation: str
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str | None]
    headers: frozenset[str]
    raw_body: bool

    def matches(self, request: HttpRequest, query: Mapping[str, str]) -> re.Match[str] | None:
        """Return the match of the path if the request is for this operation."""
        if self.method != request.method or not self.headers <= request.headers.keys():
            return None
        if any(name not in query or value not in (None, query[name]) for name, value in self.query.items()):
            return None
        return self.path.fullmatch(request.path.rstrip("/") or "/")


# Signing name -> IAM prefix, if different.
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag", "email": "ses"}
WEB_IDENTITY = "AssumeRoleWithWebIdentity"  # the only operation whose requests are not signed
_REST_XML = {"s3", "cloudfront", "route53"}


def parse_call(request: HttpRequest) -> Call:
    """Parse a request. The access key of an unsigned request is '', so is an unknown operation."""
    key, region, signing_name = _scope(request)
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    form = _form(request)
    target = request.headers.get("x-amz-target", "")
    service = _PREFIXES.get(signing_name, signing_name)
    parameters: Mapping[str, Any]
    rpc = re.fullmatch(r"/service/\w+/operation/(\w+)", request.path)
    if rpc:
        protocol, operation, parameters = Protocol.CBOR, rpc[1], {}
    elif target:
        protocol, operation, parameters = Protocol.JSON, target.rpartition(".")[2], _json(request.body)
    elif "Action" in (form | query) and signing_name not in _REST_XML:
        parameters = form | query
        protocol = Protocol.EC2 if signing_name == "ec2" else Protocol.QUERY
        operation = parameters["Action"]
    else:
        protocol = Protocol.REST_XML if signing_name in _REST_XML else Protocol.REST_JSON
        operation, parameters = _rest(signing_name, request, query)
        if protocol is Protocol.REST_XML:
            parameters = {**_amz_headers(request), **parameters}
    return Call(
        service=service or ("sts" if operation == WEB_IDENTITY else "unknown"),
        operation=operation,
        protocol=protocol,
        region=region or "us-east-1",
        parameters=parameters,
        access_key=key,
        session_token=request.headers.get("x-amz-security-token") or query.get("X-Amz-Security-Token", ""),
        user_agent=request.headers.get("user-agent", ""),
    )


def _scope(request: HttpRequest) -> tuple[str, str, str]:
    """Return access key, region and signing name from the signature (version 4), in a header or a presigned URL."""
    header = re.search(r"Credential=([^,\s]+)", request.headers.get("authorization", ""))
    presigned = dict(parse_qsl(request.query)).get("X-Amz-Credential", "")
    parts = (header[1] if header else presigned).split("/")
    return (parts[0], parts[2], parts[3].lower()) if len(parts) == 5 else ("", "", "")


def _form(request: HttpRequest) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _amz_headers(request: HttpRequest) -> dict[str, str]:
    """Return the headers that are parameters of S3."""
    signing = ("x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "x-amz-user-agent")
    return {n: v for n, v in request.headers.items() if n.startswith("x-amz-") and n not in signing}


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _rest(service: str, request: HttpRequest, query: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    for route in _routes(service):
        match = route.matches(request, query)
        if match:
            groups = match.groupdict().items()
            labels = {bytes.fromhex(name[1:]).decode(): unquote(value) for name, value in groups}
            body = {} if route.raw_body else _json(request.body)
            return route.operation, {**query, **body, **labels}
    return "", dict(query)


@cache
def _routes(service: str) -> tuple[Route, ...]:
    """Return the routes of a service, the most specific first."""
    model = _model(service)
    routes = [_route(operation, model["shapes"]) for operation in model.get("operations", {}).values()]
    routes.sort(
        key=lambda r: (len(r.query) + len(r.headers), len(re.sub(r"\(\?P.+?\)", "", r.path.pattern))), reverse=True
    )
    return tuple(routes)


def _route(operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> Route:
    path, _, query = operation["http"]["requestUri"].partition("?")
    pattern = re.sub(r"\\{(.+?)(\\\+)?\\}", _group, re.escape(path.rstrip("/") or "/"))
    shape = shapes.get(operation.get("input", {}).get("shape"), {})
    required = [shape["members"][name] for name in shape.get("required", ())]
    required_query = {m["locationName"]: None for m in required if m.get("location") == "querystring"}
    return Route(
        operation=operation["name"],
        method=operation["http"]["method"],
        path=re.compile(pattern),
        query={**required_query, **dict(parse_qsl(query, keep_blank_values=True))},
        headers=frozenset(m["locationName"].lower() for m in required if m.get("location") == "header"),
        raw_body=bool(shape.get("payload")),
    )


def _group(label: re.Match[str]) -> str:
    """Return a named group for a label in a path. Labels can contain characters that group names cannot."""
    name = label[1].replace("\\-", "-").encode().hex()
    return f"(?P<x{name}>{'.+' if label[2] else '[^/]+'})"


@cache
def _model(service: str) -> Mapping[str, Any]:
    from botocore.exceptions import DataNotFoundError, UnknownServiceError
    from botocore.loaders import Loader

    name = {"access-analyzer": "accessanalyzer", "execute-api": "apigateway"}.get(service, service)
    try:
        model: Mapping[str, Any] = Loader().load_service_model(name, "service-2")
    except (DataNotFoundError, UnknownServiceError, ValueError):
        return {}
    return model
