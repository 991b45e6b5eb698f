"""The operations of STS: GetCallerIdentity, AssumeRole and AssumeRoleWithWebIdentity."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tfdriver.iam.conditions import RequestContext
from tfdriver.iam.evaluator import AccessRequest, Decision, Permissions, Principal, assume_role
from tfdriver.sandbox.authentication import AuthenticatedCaller, request_context
from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import WEB_IDENTITY, Call
from tfdriver.sandbox.resources import IamRole
from tfdriver.sandbox.responses import ResponseError, sts_result
from tfdriver.sandbox.sessions import RoleSessions
from tfdriver.sandbox.trusts import TrustPolicies

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend

# The maximum duration of a session whose caller is a session itself (role chaining).
# Source: IAM user guide, id_roles_terms-and-concepts.
CHAINED_SECONDS = 3600
ASSUME = ("AssumeRole", WEB_IDENTITY)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


def get_caller_identity(caller: AuthenticatedCaller) -> HttpResponse:
    """Answer GetCallerIdentity."""
    identity = {"Arn": caller.principal.arn, "UserId": caller.id, "Account": caller.account}
    return sts_result("GetCallerIdentity", identity)


def authorize_assume_role(
    call: Call, caller: AuthenticatedCaller, backend: MotoBackend, trusts: TrustPolicies, now: datetime
) -> Decision:
    """Decide an operation of `ASSUME` by the caller's policies and the role's trust policy."""
    role = backend.role(call.text("RoleArn"))
    if role is None:
        return Decision(False)  # without a reason, as in AWS: callers must not learn which roles exist
    keys = {"sts:rolesessionname": call.text("RoleSessionName"), "aws:resourceaccount": role.account}
    if "ExternalId" in call.parameters:
        keys["sts:externalid"] = call.text("ExternalId")
    request = AccessRequest(f"sts:{call.operation}", role.arn, request_context(caller, call, now, keys))
    return assume_role(caller.principal, caller.permissions, trusts.policy_of(role), request)


def trusts_service(role: IamRole, trusts: TrustPolicies, service: str, keys: Mapping[str, str]) -> bool:
    """Return whether a service, e.g. `lambda.amazonaws.com`, may assume a role. keys: the condition keys."""
    request = AccessRequest("sts:AssumeRole", role.arn, RequestContext(keys))
    return assume_role(Principal(service=service), Permissions(), trusts.policy_of(role), request).allowed


def check_parameters(call: Call) -> None:
    """Raise ResponseError for invalid parameters of an operation of `ASSUME`."""
    name = call.text("RoleSessionName")
    if not _SESSION_NAME.fullmatch(name):
        raise _invalid(name, "roleSessionName", "Member must satisfy regular expression pattern: [\\w+=,.@-]{2,64}")
    external_id = call.parameters.get("ExternalId")
    if external_id is not None and not _EXTERNAL_ID.fullmatch(external_id):
        raise _invalid(external_id, "externalId", "Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*")
    if not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/\S+", call.text("RoleArn")):
        raise ResponseError("ValidationError", f"{call.text('RoleArn')} is invalid")
    seconds = call.parameters.get("DurationSeconds", "3600")
    if not re.fullmatch(r"\d{1,6}", seconds) or not 900 <= int(seconds) <= 43200:
        raise _invalid(seconds, "durationSeconds", "Member must have value between 900 and 43200")


def create_session(
    call: Call, caller: AuthenticatedCaller, backend: MotoBackend, sessions: RoleSessions
) -> HttpResponse:
    """Answer an authorized operation of `ASSUME`. Raises ResponseError for an invalid duration or session policy."""
    role = backend.role(call.text("RoleArn"))
    if role is None:
        raise ResponseError("AccessDenied", "the role was deleted", 403)
    seconds = int(call.parameters.get("DurationSeconds", 3600))
    if seconds > role.max_session:
        raise ResponseError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    if caller.session and seconds > CHAINED_SECONDS:
        raise ResponseError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        )
    duration = timedelta(seconds=seconds)
    session = sessions.issue(role, call.text("RoleSessionName"), duration, _session_policy(call))
    credentials = {
        "AccessKeyId": session.access_key,
        "SecretAccessKey": session.secret_key,
        "SessionToken": session.token,
        "Expiration": session.expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    user = {"AssumedRoleId": session.id, "Arn": session.arn}
    return sts_result(call.operation, {"Credentials": credentials, "AssumedRoleUser": user})


def _session_policy(call: Call) -> Any:
    """Return the session policy, None for none. Raises ResponseError for an invalid or unsupported policy."""
    if "PolicyArns.member.1.arn" in call.parameters:
        raise ResponseError("NotImplemented", "the sandbox does not support PolicyArns of AssumeRole")
    if "Policy" not in call.parameters:
        return None
    try:
        policy = json.loads(call.text("Policy"))
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise ResponseError("MalformedPolicyDocument", "The policy is not in the valid JSON format.")
    return policy


def _invalid(value: str, name: str, constraint: str) -> ResponseError:
    return ResponseError(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}",
    )
