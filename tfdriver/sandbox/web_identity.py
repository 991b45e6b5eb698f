"""Callers of AssumeRoleWithWebIdentity, whom a token of an OIDC provider identifies.

The token's issuer must be an OIDC provider of the role's account, with the token's audience. Nothing verifies the
token's signature: the sandbox calls no provider.
Source: STS API reference, AssumeRoleWithWebIdentity; IAM user guide, reference_policies_iam-condition-keys.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tfdriver.iam.evaluator import Permissions, Principal
from tfdriver.iam.policy_document import account_of, strings
from tfdriver.sandbox.authentication import AuthenticatedCaller
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.responses import ResponseError

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend


def web_identity(call: Call, backend: MotoBackend, now: datetime) -> AuthenticatedCaller:
    """Return the caller that the token of a call identifies. Raises ResponseError for an invalid or expired token."""
    claims = _claims(call.text("WebIdentityToken"))
    issuer, subject = str(claims["iss"]).removeprefix("https://").rstrip("/"), str(claims["sub"])
    if now.timestamp() >= claims["exp"]:
        until = datetime.fromtimestamp(claims["exp"], UTC)
        message = f"Token expired: current date/time {now:%c} must be before the expiration date/time {until:%c}"
        raise ResponseError("ExpiredTokenException", message)
    account, partition = account_of(call.text("RoleArn")), call.text("RoleArn").split(":")[1:2] or [""]
    provider = f"arn:{partition[0]}:iam::{account}:oidc-provider/{issuer}"
    known = backend.audiences(provider)
    if known is None:
        message = f"No OpenIDConnect provider found in your account for https://{issuer}"
        raise ResponseError("InvalidIdentityToken", message)
    audiences = tuple(strings(claims["aud"]))
    client = claims.get("azp")  # with it, AWS compares and calls it `aud`, and the token's `aud` is `oaud`
    compared = (client,) if isinstance(client, str) else audiences
    if not set(compared) & set(known):
        raise ResponseError("InvalidIdentityToken", "Incorrect token audience")
    keys: dict[str, str | tuple[str, ...]] = {"sub": subject, "aud": compared}
    if client:
        keys["oaud"] = audiences
    return AuthenticatedCaller(
        principal=Principal(account=account, federated=provider),
        permissions=Permissions(),
        id=f"{provider}:{compared[0]}:{subject}",
        partition=partition[0],
        claims={f"{issuer}:{name}".lower(): value for name, value in keys.items()}
        | {"aws:federatedprovider": provider},
    )


def _claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT. Raises ResponseError unless it has those of an ID token."""
    try:
        _, body, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if not {"iss", "sub", "aud", "exp"} <= claims.keys() or not isinstance(claims["exp"], int):
            raise ValueError("not an ID token")
    except (ValueError, AttributeError) as error:
        raise ResponseError("InvalidIdentityToken", "The ID Token provided is not a valid JWT.") from error
    return dict(claims)
