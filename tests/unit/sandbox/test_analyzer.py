"""The sandbox's Access Analyzer: the grammar of policies."""

from __future__ import annotations

import json

import pytest

from tfdriver.sandbox.analyzer import answer
from tfdriver.sandbox.parse import Call, Protocol
from tfdriver.sandbox.responses import ResponseError

BAR = "arn:aws:iam::222222222222:role/bar"
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
        ("CreateAnalyzer", {"analyzerName": "a"}),
    ],
)
def test_what_it_cannot_answer_is_refused(operation, parameters):
    with pytest.raises(ResponseError):
        answer(call(operation, **parameters))
