"""IAM Access Analyzer's ValidatePolicy: the basic checks of a policy's grammar, a few of AWS's hundred.

Sources: Access Analyzer API reference; IAM user guide, access-analyzer-reference-policy-checks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.iam.policy_document import Document, statements
from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.responses import ResponseError, json_result

_LEARN = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html"
_KINDS = ("IDENTITY_POLICY", "RESOURCE_POLICY", "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")


def answer(call: Call) -> HttpResponse:
    """Answer a call of Access Analyzer. Raises ResponseError for invalid parameters and unsupported operations."""
    if call.operation != "ValidatePolicy":
        raise ResponseError("NotImplemented", f"the sandbox cannot do access-analyzer:{call.operation}")
    kind = call.text("policyType")
    if kind not in _KINDS:
        raise ResponseError("ValidationException", f"policyType must be one of {', '.join(_KINDS)}")
    trust = call.text("validatePolicyResourceType") == "AWS::IAM::AssumeRolePolicyDocument"
    findings = _findings(call.text("policyDocument"), resource=kind == "RESOURCE_POLICY", trust=trust)
    return json_result({"findings": list(findings)})


def _findings(text: str, *, resource: bool, trust: bool) -> Iterator[dict[str, Any]]:
    document = _document(text)
    if document is None:
        yield _finding("JSON_SYNTAX_ERROR", "Fix the JSON syntax error.")
        return
    if "Version" not in document:
        yield _finding("MISSING_VERSION", "We recommend that you specify the Version element.", "WARNING")
    if "Statement" not in document:
        yield _finding("MISSING_STATEMENT", "Add a Statement element to the policy.")
    for statement in statements(document):
        wanted = ["Effect", "Action", *(["Principal"] if resource else []), *([] if trust else ["Resource"])]
        for element in wanted:
            if element not in statement and f"Not{element}" not in statement:
                yield _finding(f"MISSING_{element.upper()}", f"Add the {element} element to the policy statement.")
        if not resource and "Principal" in statement:
            yield _finding("UNSUPPORTED_PRINCIPAL", "The policy type IDENTITY_POLICY does not support Principal.")
        for principal in _principals(statement):
            if "*" in principal and principal != "*":
                what = "Wildcards (*, ?) are not supported with the principal key AWS."
                yield _finding("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", what)


def _finding(code: str, details: str, kind: str = "ERROR") -> dict[str, Any]:
    anchor = f"#access-analyzer-reference-policy-checks-{'error' if kind == 'ERROR' else 'general-warning'}"
    link = f"{_LEARN}{anchor}-{code.lower().replace('_', '-')}"
    return {"findingType": kind, "issueCode": code, "findingDetails": details, "learnMoreLink": link, "locations": []}


def _principals(statement: Document) -> list[str]:
    principal = statement.get("Principal", [])
    if not isinstance(principal, Mapping):
        return _strings(principal)
    return [p if kind == "AWS" else f"{kind}:{p}" for kind, values in principal.items() for p in _strings(values)]


def _document(text: str) -> Document | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, Mapping) else None


def _strings(value: Any) -> list[str]:
    return [str(v) for v in (value if isinstance(value, list) else [] if value is None else [value])]
