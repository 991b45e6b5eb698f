"""IAM Access Analyzer's two calls without an analyzer: is a policy valid, and does a new one grant more than another?

ValidatePolicy knows the basic checks of a policy's grammar, a few of AWS's hundred. CheckNoNewAccess decides by
statements: access is new unless one statement of the existing policy covers it; so it may say FAIL where AWS's proof
finds that several statements together do. AWS itself promises no more: FAIL is "might allow new access".
Sources: Access Analyzer API reference; IAM user guide, access-analyzer-reference-policy-checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.iam.conditions import like
from tfdriver.iam.policy_document import Document, statements
from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.responses import ResponseError, json_result

_LEARN = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html"
_KINDS = ("IDENTITY_POLICY", "RESOURCE_POLICY", "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")
_NOT = ("NotPrincipal", "NotAction", "NotResource")


def answer(call: Call) -> HttpResponse:
    """Answer a call of Access Analyzer. Raises AwsError for bad parameters and for calls that are not modelled."""
    match call.operation:
        case "ValidatePolicy":
            kind, text = _kind(call, _KINDS), call.text("policyDocument")
            trust = call.text("validatePolicyResourceType") == "AWS::IAM::AssumeRolePolicyDocument"
            return json_result({"findings": list(_findings(text, resource=kind == "RESOURCE_POLICY", trust=trust))})
        case "CheckNoNewAccess":
            _kind(call, _KINDS[:2])
            old, new = (_statements(call, f"{which}PolicyDocument") for which in ("existing", "new"))
            return json_result(_compared(old, new))
    raise ResponseError("NotImplemented", f"the sandbox cannot do access-analyzer:{call.operation}")


def _kind(call: Call, kinds: tuple[str, ...]) -> str:
    kind = call.text("policyType")
    if kind not in kinds:
        raise ResponseError("ValidationException", f"policyType must be one of {', '.join(kinds)}")
    return kind


def _statements(call: Call, parameter: str) -> list[Document]:
    document = _document(call.text(parameter))
    if document is None or "Statement" not in document:
        raise ResponseError("InvalidParameterException", f"{parameter} is not a policy document")
    return statements(document)


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


def _compared(existing: list[Document], new: list[Document]) -> dict[str, Any]:
    granted = [s for s in existing if s.get("Effect") == "Allow"]
    lost = [s for s in existing if s.get("Effect") == "Deny" and s not in new]
    more = [
        (place, statement)
        for place, statement in enumerate(new)
        if statement.get("Effect") == "Allow" and (lost or not any(_covers(old, statement) for old in granted))
    ]
    if not more:
        return {"result": "PASS", "message": _message("do not grant"), "reasons": []}
    reasons = [
        {
            "description": f"New access in the statement with index: {place}.",
            "statementIndex": place,
            **({"statementId": statement["Sid"]} if "Sid" in statement else {}),
        }
        for place, statement in more
    ]
    return {"result": "FAIL", "message": _message("grant"), "reasons": reasons}


def _message(verb: str) -> str:
    return f"The modified permissions {verb} new access compared to your existing policy."


def _covers(old: Document, new: Document) -> bool:
    """Whether everything that `new` allows, `old` allows."""
    if any(element in statement for statement in (old, new) for element in _NOT):
        return all(old.get(e) == new.get(e) for e in {*old, *new} - {"Sid"})
    return (
        all(any(_wider(a.lower(), b.lower()) for a in _strings(old.get("Action"))) for b in _strings(new.get("Action")))
        and all(any(_wider(a, b) for a in _strings(old.get("Resource"))) for b in _strings(new.get("Resource")))
        and all(any(_holds(a, b) for a in _principals(old)) for b in _principals(new))
        and _narrower(old, new)
    )


def _wider(wide: str, narrow: str) -> bool:
    """Whether a pattern matches all that another does; `?` matches one character, not what a `*` stands for."""
    return wide == narrow or ("?" not in wide and like(wide, narrow))


def _holds(wide: str, narrow: str) -> bool:
    """Whether a principal is another or is part of it: of an account, or of everybody."""
    account = re.fullmatch(r"(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?", wide)
    return wide in ("*", narrow) or bool(account and re.search(rf"(^|::){account[1]}($|:)", narrow))


def _narrower(old: Document, new: Document) -> bool:
    """Whether each condition of `old` is one of `new` too, with no value more; of `...Not...`, with the same ones."""
    theirs, ours = _conditions(old), _conditions(new)
    return all(
        key in ours and (set(ours[key]) == set(values) if "not" in key[0].lower() else set(ours[key]) <= set(values))
        for key, values in theirs.items()
    )


def _conditions(statement: Document) -> dict[tuple[str, str], list[str]]:
    found = statement.get("Condition", {})
    return {(operator, key.lower()): _strings(v) for operator, keys in found.items() for key, v in keys.items()}


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
