"""Authenticates callers and builds the request context, which policy conditions are evaluated against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tfdriver.iam.conditions import Facts, RequestContext
from tfdriver.iam.evaluator import Permissions, Principal
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.resources import IamRole
from tfdriver.sandbox.responses import ResponseError
from tfdriver.sandbox.sessions import RoleSession, RoleSessions

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend

# Condition keys that the sandbox does not support: a condition on one of them counts against the caller.
UNKNOWN = (
    *("aws:requesttag/*", "aws:resourcetag/*", "aws:principaltag/*", "aws:tagkeys", "*:resourcetag/*"),
    *("aws:sourceowner", "dynamodb:*", "kms:encryption*", "kms:grant*", "kms:requestalias", "kms:resourcealiases"),
    *("lambda:*", "s3:*objecttag*", "s3:accesspoint*", "s3:dataaccess*", "s3:signatureage"),
    *("secretsmanager:*", "sns:*"),
)
# The accounts of a sandbox are assumed to be members of every organization that a policy names.
_MEMBERS = ("aws:principalorgid", "aws:principalorgpaths")
ASSUMED = (*_MEMBERS, "aws:resourceorgid", "aws:resourceorgpaths")


@dataclass(frozen=True)
class AuthenticatedCaller:
    """An authenticated caller. name: of the user, '' for a session; id: the UserId that GetCallerIdentity returns.

    claims: condition keys, in lower case, from the token of a web identity.
    """

    principal: Principal
    permissions: Permissions
    id: str
    partition: str
    name: str = ""
    session: RoleSession | None = None
    claims: Facts = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Return the ARN of the user, the session, or the web identity's provider."""
        return self.principal.arn or self.principal.federated

    @property
    def account(self) -> str:
        """Return the account id."""
        return self.principal.account


def identify(call: Call, backend: MotoBackend, sessions: RoleSessions, now: datetime) -> AuthenticatedCaller:
    """Return the principal that signed a request.

    Raises ResponseError for a missing, invalid or expired access key or token.
    """
    if not call.access_key:
        raise ResponseError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    session = sessions.find(call.access_key)
    caller: AuthenticatedCaller | None = None
    if session:
        role = backend.role(session.role_id)
        caller = session_caller(session, role) if role else None
    elif user := backend.user_of_key(call.access_key):
        caller = AuthenticatedCaller(
            principal=Principal(arn=user.arn, account=user.account, unique_id=user.id),
            permissions=user.permissions,
            id=user.id,
            partition=user.partition,
            name=user.name,
        )
    if caller is None or call.session_token != (session.token if session else ""):
        raise ResponseError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    if sessions.expired(call.access_key, now):
        raise ResponseError("ExpiredToken", "The security token included in the request is expired", 403)
    return caller


def session_caller(session: RoleSession, role: IamRole) -> AuthenticatedCaller:
    """Return a role session as a caller."""
    return AuthenticatedCaller(
        principal=Principal(arn=session.arn, account=session.account, unique_id=session.role_id, role_arn=role.arn),
        permissions=replace(role.permissions, session=session.policy),
        id=session.id,
        partition=session.partition,
        session=session,
    )


def request_context(
    caller: AuthenticatedCaller, call: Call, now: datetime, action_keys: Mapping[str, str] | None = None
) -> RequestContext:
    """Return the request context of a call. action_keys: the condition keys of its action, in lower case.

    Source: IAM user guide, reference_policies_condition-keys.
    """
    keys: dict[str, str | tuple[str, ...]] = {
        "aws:userid": caller.id,
        "aws:requestedregion": call.region,
        "aws:useragent": call.user_agent,
        "aws:sourceip": "127.0.0.1",
        "aws:securetransport": "true",  # as on AWS's endpoints, although this one speaks HTTP
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        **time_keys(now),
    }
    if caller.principal.identity_arn:
        keys["aws:principalarn"] = caller.principal.identity_arn
        keys["aws:principalaccount"] = caller.account
        keys["aws:principaltype"] = "AssumedRole" if caller.session else "User"
    if call.service == "s3":
        keys |= {"s3:authtype": "REST-HEADER", "s3:signatureversion": "AWS4-HMAC-SHA256", "s3:tlsversion": "1.3"}
    if caller.name:
        keys["aws:username"] = caller.name
    if caller.session:
        keys["aws:tokenissuetime"] = caller.session.issued.isoformat()
    # A web identity is in no organization.
    assumed = ASSUMED if caller.principal.identity_arn else tuple(key for key in ASSUMED if key not in _MEMBERS)
    return RequestContext({**keys, **caller.claims, **(action_keys or {})}, UNKNOWN, assumed)


def time_keys(now: datetime) -> dict[str, str]:
    """Return the condition keys for the time of a call."""
    return {"aws:currenttime": now.astimezone(UTC).isoformat(), "aws:epochtime": str(int(now.timestamp()))}
