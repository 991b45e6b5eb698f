"""Who makes a call, and what that says about it: the facts that conditions may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tfdriver.iam.conditions import RequestContext
from tfdriver.iam.evaluator import Permissions, Principal
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.resources import IamRole
from tfdriver.sandbox.responses import ResponseError
from tfdriver.sandbox.sessions import RoleSession, RoleSessions

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend

# Facts that AWS has and the sandbox doesn't: a condition on one of them never lets anybody in.
UNKNOWN = ("aws:requesttag/*", "aws:resourcetag/*", "aws:principaltag/*", "aws:tagkeys", "*:resourcetag/*")


@dataclass(frozen=True)
class AuthenticatedCaller:
    """An authenticated caller. name: a user's name, '' for a session; id: what GetCallerIdentity shows as UserId."""

    principal: Principal
    permissions: Permissions
    id: str
    partition: str
    name: str = ""
    session: RoleSession | None = None

    @property
    def account(self) -> str:
        """Return the account id."""
        return self.principal.account


def identify(call: Call, backend: MotoBackend, sessions: RoleSessions, now: datetime) -> AuthenticatedCaller:
    """Return who signed a call. Raises AwsError in AWS's words: no key, unknown key, wrong token, expired."""
    if not call.access_key:
        raise ResponseError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    session = sessions.find(call.access_key)
    caller: AuthenticatedCaller | None = None
    if session:
        role = backend.role_by_id(session.role_id)
        caller = session_caller(session, role) if role else None
    elif user := backend.user_of_key(call.access_key):
        principal = Principal(user.arn, user.account, user.id)
        caller = AuthenticatedCaller(principal, user.permissions, user.id, user.partition, user.name)
    if caller is None or call.session_token != (session.token if session else ""):
        raise ResponseError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    if sessions.expired(call.access_key, now):
        raise ResponseError("ExpiredToken", "The security token included in the request is expired", 403)
    return caller


def session_caller(session: RoleSession, role: IamRole) -> AuthenticatedCaller:
    """Return a session of a role as a caller."""
    principal = Principal(session.arn, session.account, session.role_id, role.arn)
    own = role.permissions
    permissions = Permissions(own.identity, own.boundary, session.policy)
    return AuthenticatedCaller(principal, permissions, session.id, session.partition, session=session)


def context(
    caller: AuthenticatedCaller, call: Call, now: datetime, more: Mapping[str, str] | None = None
) -> RequestContext:
    """Return the facts of a call. more: those of its action, by lower-case key.

    Source: IAM user guide, reference_policies_condition-keys.
    """
    facts = {
        "aws:principalarn": caller.principal.identity_arn,
        "aws:principalaccount": caller.account,
        "aws:principaltype": "AssumedRole" if caller.session else "User",
        "aws:userid": caller.id,
        "aws:requestedregion": call.region,
        "aws:useragent": call.user_agent,
        "aws:sourceip": "127.0.0.1",
        "aws:securetransport": "true",  # AWS's endpoints are; this one plays them
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        **times(now),
    }
    if caller.name:
        facts["aws:username"] = caller.name
    if caller.session:
        facts["aws:tokenissuetime"] = caller.session.issued.isoformat()
    return RequestContext({**facts, **(more or {})}, UNKNOWN)


def times(now: datetime) -> dict[str, str]:
    """Return the facts about the time of a call."""
    return {"aws:currenttime": now.astimezone(UTC).isoformat(), "aws:epochtime": str(int(now.timestamp()))}
