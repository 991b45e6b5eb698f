"""AssumeRoleWithWebIdentity: the token, its OIDC provider and the role's trust policy."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.functional.sandbox.test_cloudtrail import in_region, lookup
from tests.functional.sandbox.world import TRUSTED, TRUSTING, Caller, World, outcome, trust

HOST = "token.actions.example"
AUDIENCE = "sts.amazonaws.com"
MAIN = "repo:acme/infra:ref:refs/heads/main"
PROVIDER = f"arn:aws:iam::{TRUSTED.id}:oidc-provider/{HOST}"
REFUSED = "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
CLAIMS = {"iss": f"https://{HOST}", "sub": MAIN, "aud": AUDIENCE, "exp": 4102444800}


def token(**claims: Any) -> str:
    body = json.dumps(CLAIMS | claims).encode()
    return f"e30.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.e30"


def pinned(**condition: Any) -> dict[str, Any]:
    """A statement that trusts the main branch of a repository, under further conditions."""
    equals = {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": MAIN}
    statement = trust({"Federated": PROVIDER}, **{"StringEquals": equals} | condition)
    return statement | {"Action": "sts:AssumeRoleWithWebIdentity"}


@pytest.fixture(scope="module")
def provider(world: World) -> str:
    iam = world.trusted.client("iam")
    created = iam.create_open_id_connect_provider(
        Url=f"https://{HOST}", ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40]
    )
    return str(created["OpenIDConnectProviderArn"])


def assume(world: World, role: str, web_token: str) -> dict[str, Any]:
    """Assume a role with a token, without credentials."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    sts = boto3.client("sts", region_name=TRUSTED.region, endpoint_url=world.sandbox.endpoint, config=config)
    return dict(sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="ci", WebIdentityToken=web_token))


def test_a_pinned_web_identity_assumes_its_role(world: World, provider: str) -> None:
    role = world.role(world.trusted, pinned())

    keys = assume(world, role, token())["Credentials"]

    session = Caller(
        world.sandbox.endpoint, TRUSTED.region, (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    )
    assert world.arn(session) == f"arn:aws:sts::{TRUSTED.id}:assumed-role/{role.rpartition('/')[2]}/ci"
    (event,) = lookup(in_region(world.trusted, "us-east-1"), "EventName", "AssumeRoleWithWebIdentity")
    assert event["userIdentity"]["type"] == "WebIdentityUser"
    assert event["userIdentity"]["principalId"] == f"{provider}:{AUDIENCE}:{MAIN}"


@pytest.mark.parametrize(
    ("claims", "result"),
    [
        ({"sub": "repo:acme/infra:pull_request"}, REFUSED),
        ({"aud": ["other", AUDIENCE]}, "allowed"),
        ({"aud": "other"}, "InvalidIdentityToken: Incorrect token audience"),
        ({"azp": "other"}, "InvalidIdentityToken: Incorrect token audience"),
        (
            {"iss": "https://elsewhere.example"},
            "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://elsewhere.example",
        ),
        ({"exp": 1_700_000_000}, "ExpiredTokenException: Token expired: current date/time"),
        ({"exp": None}, "InvalidIdentityToken: The ID Token provided is not a valid JWT."),
    ],
)
def test_the_token_is_checked(world: World, provider: str, claims: dict[str, Any], result: str) -> None:
    any_audience = pinned() | {"Condition": {"StringEquals": {f"{HOST}:sub": MAIN}}}
    role = world.role(world.trusted, any_audience)
    assert outcome(assume, world, role, token(**claims)).startswith(result)


def test_a_token_that_is_not_a_jwt_is_refused(world: World) -> None:
    role = world.role(world.trusted, pinned())
    for text in ("secret", "e30.W10.e30", "e30.!.e30"):
        assert outcome(assume, world, role, text).startswith("InvalidIdentityToken")


def test_the_trust_policy_is_enforced(world: World, provider: str) -> None:
    deny = trust("*", effect="Deny", StringNotEquals={"aws:PrincipalOrgID": "o-1"}) | {
        "Action": "sts:AssumeRoleWithWebIdentity"
    }
    refusing = [
        [trust(world.arn(world.trusted))],
        [pinned(StringLike={"aws:PrincipalArn": "*"})],
        [pinned() | {"Action": "sts:AssumeRole"}],
        [pinned(), deny],
    ]
    for statements in refusing:
        assert outcome(assume, world, world.role(world.trusted, *statements), token()) == REFUSED
    assert outcome(assume, world, f"arn:aws:iam::{TRUSTED.id}:role/gone", token()) == REFUSED


def test_a_provider_of_another_account_does_not_count(world: World, provider: str) -> None:
    role = world.role(world.trusting, pinned())
    found = outcome(assume, world, role, token())
    assert found == f"InvalidIdentityToken: No OpenIDConnect provider found in your account for https://{HOST}"
    assert TRUSTING.id not in provider
