"""Parsing and explaining AWS's error messages."""

from __future__ import annotations

import pytest

from tfdriver.inspect.refusal import OTHERS, Cause, Refusal, parse_refusal, refusal_meaning

BAR = "arn:aws:sts::222222222222:assumed-role/bar/session"
FOO = "arn:aws:iam::111111111111:role/foo_bar"
SAID = f"User: {BAR} is not authorized to perform: sts:AssumeRole on resource: {FOO}"

IMPLICIT = [
    ("because no identity-based policy allows the sts:AssumeRole action", Cause.IDENTITY, "account 222222222222"),
    ("because no role trust policy allows the sts:AssumeRole action", Cause.TRUST, "account 111111111111"),
    ("because no resource-based policy allows the sts:AssumeRole action", Cause.RESOURCE, "account 111111111111"),
    ("because no service control policy allows the sts:AssumeRole action", Cause.SCP, "organization"),
    ("because no resource control policy allows the sts:AssumeRole action", Cause.RCP, "organization"),
    ("because no permissions boundary allows the sts:AssumeRole action", Cause.BOUNDARY, "in the boundary"),
    ("because no session policy allows the sts:AssumeRole action", Cause.SESSION, "session policy"),
    ("because no VPC endpoint policy allows the sts:AssumeRole action", Cause.ENDPOINT, "endpoint's policy"),
]
EXPLICIT = [
    ("with an explicit deny in an identity-based policy", Cause.IDENTITY, "remove that Deny"),
    ("with an explicit deny in the role trust policy", Cause.TRUST, "remove that Deny"),
    ("with an explicit deny in a resource-based policy", Cause.RESOURCE, "remove that Deny"),
    ("with an explicit deny in a service control policy", Cause.SCP, "organization"),
    ("with an explicit deny in a resource control policy", Cause.RCP, "organization"),
    ("with an explicit deny in a permissions boundary", Cause.BOUNDARY, "remove that Deny"),
    ("with an explicit deny in a session policy", Cause.SESSION, "session policy"),
    ("with an explicit deny in a VPC endpoint policy", Cause.ENDPOINT, "remove that Deny"),
    ("due to an explicit deny in a Service Control Policy", Cause.SCP, "organization"),
    ("with an explicit deny", Cause.UNKNOWN, "trust policy"),
]


@pytest.mark.parametrize(
    ("phrase", "cause", "change", "explicit"), [(*c, False) for c in IMPLICIT] + [(*c, True) for c in EXPLICIT]
)
def test_every_reason_phrase_of_aws_is_recognized(phrase, cause, change, explicit):
    found = parse_refusal(f"An error occurred (AccessDenied) when calling the AssumeRole operation: {SAID} {phrase}")

    assert found == Refusal("AccessDenied", BAR, "sts:AssumeRole", FOO, cause, explicit)
    assert change in refusal_meaning(found).change
    assert "{" not in refusal_meaning(found).words + refusal_meaning(found).change


WRAPPED = [
    (f"operation error STS: AssumeRole, https response error StatusCode: 403, api error AccessDenied: {SAID}", FOO),
    (f"│ Error: Cannot assume IAM Role\n│ \n│ User: {BAR} is not authorized to\n│ perform: sts:AssumeRole", ""),
    (f"AccessDenied: {SAID}.", FOO),
    (f"AccessDeniedException: User: {BAR} is not authorized to perform: sts:AssumeRole", ""),
    (f'{{"errorMessage": "... (AccessDenied) when calling the AssumeRole operation: {SAID}"}}', FOO),
    (f"User: {BAR} is not authorized to perform sts:AssumeRole on resource {FOO}", FOO),
]


@pytest.mark.parametrize(("text", "resource"), WRAPPED)
def test_messages_quoted_by_other_tools_are_parsed(text, resource):
    found = parse_refusal(text)

    assert found
    assert (found.caller, found.action, found.resource, found.cause) == (BAR, "sts:AssumeRole", resource, Cause.UNKNOWN)


def test_a_message_may_span_several_lines():
    found = parse_refusal(f"{SAID} because no\n   identity-based\n policy allows the sts:AssumeRole\n action")

    assert found
    assert found.cause is Cause.IDENTITY


def test_the_arn_of_the_refusing_policy_is_parsed():
    arn = "arn:aws:organizations::333333333333:policy/o-abc/service_control_policy/p-xyz"
    found = parse_refusal(f"{SAID} with an explicit deny in a service control policy: {arn}. Encoded message: abc")

    assert found
    assert (found.cause, found.policy) == (Cause.SCP, arn)
    assert f"({arn})" in refusal_meaning(found).words


def test_users_and_other_partitions_are_parsed():
    user, role = "arn:aws-cn:iam::222222222222:user/a/b", "arn:aws-cn:iam::111111111111:role/p/x"
    found = parse_refusal(f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}")

    assert found
    assert (found.caller, found.resource) == (user, role)


OTHER = [
    ("An error occurred (ExpiredToken) when calling the AssumeRole operation: The security token ...", "expired"),
    ("The security token included in the request is expired", "expired"),
    ("The security token included in the request is invalid.", "does not know"),
    ("(InvalidClientTokenId) when calling the GetCallerIdentity operation", "does not know"),
    ("api error RegionDisabledException: STS is not activated in this region for account:111111111111", "not active"),
    (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        "one hour at most",
    ),
    ("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", "longer than the role allows"),
    ('MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::2:role/x"', "does not exist"),
    ('Invalid principal in policy: "AWS":"AROAEXAMPLEID"', "of a role (AROA...) or user (AIDA...) that was deleted"),
    (r'{"m": "Invalid principal in policy: \"AWS\":\"AIDAEXAMPLEID\""}', "that was deleted"),
    ("LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048", "longer than the quota"),
    ("(SignatureDoesNotMatch): Signature expired: 20261127T070000Z is now earlier than 20261127T073000Z", "clock"),
    ("(SignatureDoesNotMatch): Signature not yet current: 20261127T080000Z is still later than", "clock"),
    ("(RequestTimeTooSkewed) when calling the GetObject operation: The difference between the request time", "clock"),
    ("(SignatureDoesNotMatch) The request signature we calculated does not match", "secret key does not belong"),
    ("InvalidIdentityToken: Incorrect token audience", "is not one of the OIDC provider's"),
    ("(InvalidIdentityToken): No OpenIDConnect provider found in your account for https://x", "has no OIDC provider"),
    ("(Throttling) when calling the AssumeRole operation: Rate exceeded", "number of calls"),
]


@pytest.mark.parametrize(("text", "words"), OTHER)
def test_errors_that_no_policy_causes_are_explained(text, words):
    found = parse_refusal(text)

    assert found
    assert found.other in OTHERS
    assert words in refusal_meaning(found).words


def test_a_refused_web_identity_is_explained():
    found = parse_refusal("api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity")

    assert found
    assert "does not trust the web identity" in refusal_meaning(found).words
    assert "`sub` and `aud`" in refusal_meaning(found).change


@pytest.mark.parametrize("text", ["", "foo_bar", "no route to host", "x" * 10_000, "User: a is", "\0"])
def test_other_texts_are_not_parsed(text):
    assert parse_refusal(text) is None
