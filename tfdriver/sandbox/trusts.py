"""The trust policies of all roles: validated, saved with unique IDs, returned with ARNs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from tfdriver.iam.policy_document import Document, statements
from tfdriver.iam.trust import MAX_CHARACTERS
from tfdriver.sandbox.messages import HttpRequest, HttpResponse
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.principals import InvalidPrincipalError, to_arns, to_unique_ids
from tfdriver.sandbox.resources import IamRole
from tfdriver.sandbox.responses import ResponseError

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend

POLICY_PARAMETERS = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}


class TrustPolicies:
    """Saves the trust policies. Callers hold the backend's lock."""

    def __init__(self, backend: MotoBackend) -> None:
        self._backend = backend
        self._saved: dict[str, dict[str, Any]] = {}  # by the role's unique ID
        self._texts: dict[str, str] = {}  # as saved, by the role's unique ID

    def policy_of(self, role: IamRole) -> Document:
        """Return a role's trust policy with the unique IDs of users and roles."""
        return self._saved.get(role.id, role.trust)

    def save(self, call: Call, request: HttpRequest, account: str) -> HttpResponse:
        """Execute CreateRole or UpdateAssumeRolePolicy. Raises ResponseError for an invalid policy."""
        from tfdriver.sandbox.backend import trust_policy_error

        parameter, name = POLICY_PARAMETERS[call.operation], call.text("RoleName")
        if call.operation == "CreateRole":
            self._check_name(name, account)
        text = call.text(parameter)
        if invalid := trust_policy_error(text) or _structure_error(text):
            raise ResponseError("MalformedPolicyDocument", invalid)
        if len("".join(text.split())) > MAX_CHARACTERS:
            raise ResponseError("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {MAX_CHARACTERS}", 409)
        try:
            policy = to_unique_ids(json.loads(text), self._backend.accounts[account].partition, self._id_of)
        except InvalidPrincipalError as error:
            message = f'Invalid principal in policy: "AWS":"{error.principal}"'
            raise ResponseError("MalformedPolicyDocument", message) from error
        response = self._backend.handle(_with_parameter(request, parameter, self._text(policy, text)), account)
        role = next((r for r in self._backend.roles([account]) if r.name == name), None)
        if response.status == 200 and role:
            self._saved[role.id], self._texts[role.id] = policy, text
        return response

    def is_missing(self, principal: str) -> bool:
        """Return whether an account of the sandbox lacks the user, role or session with this ARN."""
        return principal.split(":")[4] in self._backend.accounts and self._id_of(principal) is None

    def refresh(self) -> None:
        """Update the ARNs and unique IDs that IAM returns, after a user or role was created or deleted."""
        for role in self._backend.roles(self._backend.accounts):
            if role.id in self._saved:
                self._backend.set_trust_policy(role, self._text(self._saved[role.id], self._texts[role.id]))

    def _check_name(self, name: str, account: str) -> None:
        """Raise ResponseError for a role name that differs from another only in case, which moto would accept."""
        names = {r.name for r in self._backend.roles([account])}
        if name not in names and name.lower() in {n.lower() for n in names}:
            raise ResponseError("EntityAlreadyExists", f"Role with name {name} already exists.", 409)

    def _text(self, policy: Document, saved: str) -> str:
        """Return the text of a policy with ARNs, as it was saved if it has the same principals."""
        shown = to_arns(policy, self._arn_of)
        return saved if shown == json.loads(saved) else json.dumps(shown, separators=(",", ":"))

    def _id_of(self, principal: str) -> str | None:
        """Return the unique ID for an ARN or unique ID; for a session, `AROA...:NAME`."""
        parts = principal.split(":", 5)
        if principal.startswith("arn:") and len(parts) == 6 and parts[5].startswith("assumed-role/"):
            name, _, session = parts[5].removeprefix("assumed-role/").partition("/")
            roles = [r for r in self._backend.roles([parts[4]]) if r.name == name and session]
            return f"{roles[0].id}:{session}" if roles else None
        if principal.startswith("arn:"):
            found = self._backend.role(principal) or self._backend.user(principal)
            return found.id if found else None
        return principal if self._arn_of(principal) else None

    def _arn_of(self, unique_id: str) -> str | None:
        base, _, session = unique_id.partition(":")
        role = self._backend.role(base)
        if role and session:
            return f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}/{session}"
        found = role or self._backend.user(base)
        return found.arn if found else None


def _structure_error(text: str) -> str:
    for statement in statements(json.loads(text)):
        if "NotPrincipal" in statement:
            return "Policy document contains NotPrincipal, which the sandbox does not support"
        principal = statement.get("Principal")
        if principal is None:
            return "Missing required field Principal"
        if principal != "*" and not _is_principal(principal):
            return "Syntax errors in policy."
    return ""


def _is_principal(principal: Any) -> bool:
    if not isinstance(principal, Mapping) or not principal:
        return False
    kinds = {"AWS", "Service", "Federated", "CanonicalUser"}
    return set(principal) <= kinds and all(
        isinstance(v, str) or (isinstance(v, list) and v and all(isinstance(p, str) for p in v))
        for v in principal.values()
    )


def _with_parameter(request: HttpRequest, parameter: str, value: str) -> HttpRequest:
    """Return the request with another value of a parameter, in the form or the query."""

    def replace_value(encoded: str) -> str:
        pairs = parse_qsl(encoded, keep_blank_values=True)
        return urlencode([(k, value if k == parameter else v) for k, v in pairs])

    body = replace_value(request.body.decode()).encode()
    query = replace_value(request.query)
    return replace(request, body=body, query=query, headers={**request.headers, "content-length": str(len(body))})
