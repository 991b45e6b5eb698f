"""The sandbox's Access Analyzer: grammar, and which policy grants more than another."""

from __future__ import annotations

import json

import pytest

from tfdriver.sandbox.analyzer import answer
from tfdriver.sandbox.parse import Call, Protocol
from tfdriver.sandbox.responses import ResponseError

ROOT = "arn:aws:iam::222222222222:root"
BAR = "arn:aws:iam::222222222222:role/bar"
BAZ = "arn:aws:iam::222222222222:role/baz"
STRANGER = "arn:aws:iam::999999999999:role/bar"
TRUST = "AWS::IAM::AssumeRolePolicyDocument"


def call(operation, **parameters):
    return Call("access-analyzer", operation, Protocol.REST_JSON, parameters=parameters)


def body(operation, **parameters):
    return json.loads(answer(call(operation, **parameters)).body)


def lets_in(*principals, **conditions):
    condition = {"Condition": conditions} if conditions else {}
    return {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"} | condition


def may(actions, resources="*", effect="Allow"):
    return {"Effect": effect, "Action": actions, "Resource": resources}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def compared(existing, new, kind="RESOURCE_POLICY"):
    existing, new = (d if isinstance(d, list) else [d] for d in (existing, new))
    return body(
        "CheckNoNewAccess",
        existingPolicyDocument=document(*existing),
        newPolicyDocument=document(*new),
        policyType=kind,
    )


EXTERNAL = {"StringEquals": {"sts:ExternalId": "x1"}}
NOT_THESE = {"StringNotEquals": {"aws:PrincipalTag/team": ["red", "blue"]}}
NOT_RED = {"StringNotEquals": {"aws:PrincipalTag/team": ["red"]}}


@pytest.mark.parametrize(
    ("existing", "new"),
    [
        (lets_in(ROOT), lets_in(BAR)),
        (lets_in("222222222222"), lets_in(BAR, BAZ)),
        (lets_in(BAR), lets_in(BAR)),
        (lets_in("*"), lets_in(STRANGER)),
        (lets_in(ROOT), lets_in(BAR, **EXTERNAL)),
        (lets_in(ROOT, **EXTERNAL), lets_in(BAR, StringEquals={"STS:ExternalId": ["x1"]})),
        ([lets_in(ROOT), lets_in(STRANGER)], [lets_in(STRANGER), lets_in(BAR)]),
        (lets_in(ROOT, **NOT_THESE), lets_in(ROOT, **NOT_THESE)),
        (lets_in(BAR), [lets_in(BAR), may("sts:*", effect="Deny")]),
    ],
)
def test_no_new_access(existing, new):
    assert compared(existing, new)["result"] == "PASS"


@pytest.mark.parametrize(
    ("existing", "new"),
    [
        (lets_in(BAR), lets_in(ROOT)),
        (lets_in(BAR), lets_in(BAR, BAZ)),
        (lets_in(ROOT), lets_in(STRANGER)),
        (lets_in(ROOT), lets_in("*")),
        (lets_in(ROOT, **EXTERNAL), lets_in(BAR)),
        (lets_in(ROOT, **EXTERNAL), lets_in(BAR, StringEquals={"sts:ExternalId": "x2"})),
        (lets_in(ROOT, **NOT_THESE), lets_in(ROOT, **NOT_RED)),
        (lets_in(BAR), {"Effect": "Allow", "NotPrincipal": {"AWS": BAZ}, "Action": "sts:AssumeRole"}),
        ([lets_in(ROOT), may("sts:*", effect="Deny")], lets_in(BAR)),
        ([], lets_in(BAR)),
    ],
)
def test_new_access(existing, new):
    found = compared(existing, new)
    assert found["result"] == "FAIL"
    assert found["reasons"] == [{"description": "New access in the statement with index: 0.", "statementIndex": 0}]


@pytest.mark.parametrize(
    ("existing", "new", "result"),
    [
        (may("s3:*"), may("s3:GetObject"), "PASS"),
        (may("s3:Get*", "arn:x/*"), may("S3:getobject", "arn:x/y"), "PASS"),
        (may("s3:Get*", "arn:x/*"), may("s3:GetObject", "arn:y"), "FAIL"),
        (may("s3:Get?"), may("s3:Get*"), "FAIL"),
        (may("s3:GetObject"), may("s3:*"), "FAIL"),
    ],
)
def test_identity_policies(existing, new, result):
    assert compared(existing, new, "IDENTITY_POLICY")["result"] == result


def without(element):
    return document({k: v for k, v in (lets_in(BAR) | {"Sid": "a"}).items() if k != element})


@pytest.mark.parametrize(
    ("text", "kind", "codes"),
    [
        (document(lets_in(BAR)), "RESOURCE_POLICY", []),
        (document(may("s3:GetObject")), "IDENTITY_POLICY", []),
        ("{", "RESOURCE_POLICY", ["JSON_SYNTAX_ERROR"]),
        ("[]", "RESOURCE_POLICY", ["JSON_SYNTAX_ERROR"]),
        ('{"Version": "2012-10-17"}', "RESOURCE_POLICY", ["MISSING_STATEMENT"]),
        (json.dumps({"Statement": lets_in(BAR)}), "RESOURCE_POLICY", ["MISSING_VERSION"]),
        (without("Effect"), "RESOURCE_POLICY", ["MISSING_EFFECT"]),
        (without("Action"), "RESOURCE_POLICY", ["MISSING_ACTION"]),
        (without("Principal"), "RESOURCE_POLICY", ["MISSING_PRINCIPAL"]),
        (document(lets_in(BAR)), "IDENTITY_POLICY", ["UNSUPPORTED_PRINCIPAL"]),
        (
            document(lets_in("arn:aws:iam::222222222222:role/*")),
            "RESOURCE_POLICY",
            ["UNSUPPORTED_WILDCARD_IN_PRINCIPAL"],
        ),
    ],
)
def test_validate_policy(text, kind, codes):
    found = body("ValidatePolicy", policyDocument=text, policyType=kind, validatePolicyResourceType=TRUST)["findings"]
    assert [finding["issueCode"] for finding in found] == codes
    assert {finding["findingType"] for finding in found} <= {"ERROR", "WARNING"}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("ValidatePolicy", {"policyDocument": "{}", "policyType": "TRUST_POLICY"}),
        ("CheckNoNewAccess", {"policyType": "RESOURCE_POLICY", "newPolicyDocument": "{}"}),
        ("CheckNoNewAccess", {"policyType": "SERVICE_CONTROL_POLICY"}),
        ("CreateAnalyzer", {"analyzerName": "a"}),
    ],
)
def test_what_it_cannot_answer_is_refused(operation, parameters):
    with pytest.raises(ResponseError):
        answer(call(operation, **parameters))
