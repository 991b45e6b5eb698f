"""Evaluates identity policies and trust policies as IAM does. Pure; no I/O.

Fails closed: with an unsupported element, an Allow statement never applies, and a Deny statement always does.
Supported: Action, NotAction, Resource, NotResource, wildcards, the operators of `conditions`, and the principals AWS
(ARN, account, `*`, unique id) and Service. Unsupported: NotPrincipal, policy variables, service control policies.
Reasons are worded as in AWS's error messages (IAM user guide, troubleshoot_access-denied).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from tfdriver.iam.conditions import RequestContext, conditions_match, like
from tfdriver.iam.policy_document import Document, account_of, statements, strings


class Effect(StrEnum):
    """The effect of policies on a request."""

    ALLOW = "Allow"
    DENY = "Deny"
    NOTHING = ""


class Named(IntEnum):
    """How exactly a statement's Principal names a caller."""

    NO = 0
    ACCOUNT = 1  # the whole account
    ITSELF = 2  # the user, the role, the session or `*`


@dataclass(frozen=True)
class Principal:
    """The caller of a request.

    arn: the user's ARN, or a role session's (`arn:aws:sts::ID:assumed-role/NAME/SESSION`); account: 12 digits;
    unique_id: of the user (`AIDA...`) or the session's role (`AROA...`); role_arn: the session's role, else ''.
    A service has only `service`, e.g. `lambda.amazonaws.com`.
    """

    arn: str = ""
    account: str = ""
    unique_id: str = ""
    role_arn: str = ""
    service: str = ""

    @property
    def identity_arn(self) -> str:
        """The value of `aws:PrincipalArn`: the ARN of the user, or of the session's role with its path."""
        return self.role_arn or self.arn


@dataclass(frozen=True)
class Permissions:
    """The policies of a caller. boundary, session: the permissions boundary and the session policy, if any."""

    identity: tuple[Document, ...] = ()
    boundary: Document | None = None
    session: Document | None = None


@dataclass(frozen=True)
class AccessRequest:
    """An action (`service:Action`) on a resource (ARN, or `*` for none), and the context for conditions."""

    action: str
    resource: str
    context: RequestContext = field(default_factory=RequestContext)


@dataclass(frozen=True)
class Decision:
    """The result. reason: as in AWS's message, '' if allowed; statement: the one that allowed or denied, if any."""

    allowed: bool
    reason: str = ""
    statement: Document | None = None


@dataclass(frozen=True)
class StatementMatch:
    """The effect of policies of one kind, and the statement with that effect. named: for trust policies only."""

    effect: Effect
    statement: Document | None = None
    named: Named = Named.NO


def match_identity_policies(policies: Iterable[Document], request: AccessRequest) -> StatementMatch:
    """Return the effect of identity policies on a request: an explicit Deny wins, then an Allow."""
    found = StatementMatch(Effect.NOTHING)
    for statement in (s for policy in policies for s in statements(policy)):
        effect = _effect(statement, request, resource_counts=True)
        if effect is Effect.DENY:
            return StatementMatch(Effect.DENY, statement)
        if effect is Effect.ALLOW and found.statement is None:
            found = StatementMatch(Effect.ALLOW, statement)
    return found


def match_trust_policy(policy: Document, caller: Principal, request: AccessRequest) -> StatementMatch:
    """Return the effect of a trust policy, or of another resource policy, on a request.

    Of several Allow statements, return the one that names the caller most exactly.
    """
    found = StatementMatch(Effect.NOTHING)
    for statement in statements(policy):
        named = _named_by(statement, caller)
        effect = _effect(statement, request, resource_counts=False)
        if named is Named.NO or effect is Effect.NOTHING:
            continue
        if effect is Effect.DENY:
            return StatementMatch(Effect.DENY, statement, named)
        if named > found.named:
            found = StatementMatch(Effect.ALLOW, statement, named)
    return found


def authorize(permissions: Permissions, request: AccessRequest) -> Decision:
    """Return the decision on a request in the caller's account, by the caller's policies."""
    kinds = [
        ("identity-based policy", match_identity_policies(permissions.identity, request)),
        *_limits(permissions, request),
    ]
    return _denied(kinds) or _not_allowed(kinds, request) or Decision(True, "", kinds[0][1].statement)


def assume_role(caller: Principal, permissions: Permissions, trust: Document, request: AccessRequest) -> Decision:
    """Return the decision on sts:AssumeRole. The resource of `request` is the ARN of the role.

    Across accounts, the caller's policies and the trust policy must both allow the action. Within one account, a trust
    policy that names the caller is enough. A service needs only the trust policy.
    Source: IAM user guide, reference_policies_evaluation-logic-cross-account and
    reference_policies_evaluation-logic_policy-eval-basics-single-account.
    """
    own = ("identity-based policy", match_identity_policies(permissions.identity, request))
    limits = _limits(permissions, request)
    trusted = match_trust_policy(trust, caller, request)
    denied = _denied([own, *limits])
    if denied:
        return denied
    if trusted.effect is Effect.DENY:
        return Decision(False, "with an explicit deny in the role trust policy", trusted.statement)
    same_account = caller.account == account_of(request.resource)
    enough = bool(caller.service) or (same_account and trusted.named is Named.ITSELF)
    refused = _not_allowed(limits if enough else [own, *limits], request)
    if refused:
        return refused
    if trusted.effect is Effect.NOTHING:
        return Decision(False, f"because no role trust policy allows the {request.action} action")
    return Decision(True, "", trusted.statement)


def _limits(permissions: Permissions, request: AccessRequest) -> list[tuple[str, StatementMatch]]:
    limits = [("permissions boundary", permissions.boundary), ("session policy", permissions.session)]
    return [(kind, match_identity_policies([policy], request)) for kind, policy in limits if policy is not None]


def _denied(kinds: Iterable[tuple[str, StatementMatch]]) -> Decision | None:
    for kind, finding in kinds:
        if finding.effect is Effect.DENY:
            article = "an" if kind[0] in "aeiou" else "a"
            return Decision(False, f"with an explicit deny in {article} {kind}", finding.statement)
    return None


def _not_allowed(kinds: Iterable[tuple[str, StatementMatch]], request: AccessRequest) -> Decision | None:
    for kind, finding in kinds:
        if finding.effect is Effect.NOTHING:
            return Decision(False, f"because no {kind} allows the {request.action} action")
    return None


def _effect(statement: Document, request: AccessRequest, *, resource_counts: bool) -> Effect:
    """Return the effect of a statement on a request. Unsupported elements count against the caller."""
    matches = [
        _covers(statement, "Action", request.action.lower(), str.lower),
        _covers(statement, "Resource", request.resource, str) if resource_counts else True,
        conditions_match(statement.get("Condition"), request.context),
    ]
    if statement.get("Effect") == "Deny":
        return Effect.NOTHING if False in matches else Effect.DENY
    allows = statement.get("Effect") == "Allow" and all(matches)
    return Effect.ALLOW if allows else Effect.NOTHING


def _covers(statement: Document, element: str, value: str, fold: Any) -> bool | None:
    """Return whether (Not)Action or (Not)Resource covers a value, or None if it has a policy variable."""
    negated = f"Not{element}" in statement
    patterns = strings(statement.get(f"Not{element}" if negated else element))
    if any(like(fold(pattern), value) for pattern in patterns if "${" not in pattern):
        return not negated
    if any("${" in pattern for pattern in patterns):
        return None
    return negated if patterns else False


def _named_by(statement: Document, caller: Principal) -> Named:
    if "NotPrincipal" in statement:  # unsupported
        return Named.ACCOUNT if statement.get("Effect") == "Deny" else Named.NO
    principal = statement.get("Principal")
    if principal == "*":
        principal = {"AWS": "*"}
    if not isinstance(principal, Mapping):
        return Named.NO
    if caller.service:
        return Named.ITSELF if caller.service in strings(principal.get("Service")) else Named.NO
    return max((_named_as(p, caller) for p in strings(principal.get("AWS"))), default=Named.NO)


def _named_as(principal: str, caller: Principal) -> Named:
    session = f"{caller.unique_id}:{caller.arn.rpartition('/')[2]}"
    if principal in {"*", caller.arn, caller.identity_arn, caller.unique_id, session} - {""}:
        return Named.ITSELF
    root = re.fullmatch(r"(?:arn:([\w-]+):iam::)?(\d{12})(?::root)?", principal)
    if root is None or root[2] != caller.account:
        return Named.NO
    return Named.ACCOUNT if root[1] is None or caller.arn.startswith(f"arn:{root[1]}:") else Named.NO
