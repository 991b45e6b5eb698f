"""Evaluates identity policies, trust policies and other resource policies as IAM does. Pure; no I/O.

Fails closed: with an unsupported element, an Allow statement never applies, and a Deny statement always does.
Supported: Action, NotAction, Resource, NotResource, wildcards, the operators of `conditions`, and the principals AWS
(ARN, account, `*`, unique id), Service and Federated. Unsupported: NotPrincipal, policy variables, service control
policies.
Reasons are worded as in AWS's error messages (IAM user guide, troubleshoot_access-denied).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any

from tfdriver.iam.conditions import RequestContext, conditions_match, like, unknown_conditions
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
    A service has only `service`, e.g. `lambda.amazonaws.com`. A web identity has only `account`, the role's, and
    `federated`, the ARN of its OIDC provider.
    """

    arn: str = ""
    account: str = ""
    unique_id: str = ""
    role_arn: str = ""
    service: str = ""
    federated: str = ""

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
class ResourcePolicy:
    """The policy of a resource. owner: the account of the resource; document: {} for none; kind: as AWS calls it.

    decisive: whether identity policies have no effect without it, even in the owner's account. True for trust policies
    and key policies. Source: KMS developer guide, key-policies.
    """

    owner: str
    document: Document = field(default_factory=dict)
    decisive: bool = False
    kind: str = "resource-based policy"


@dataclass(frozen=True)
class Decision:
    """The result. reason: as in AWS's message, '' if allowed; statement: the one that allowed or denied, if any.

    unsure: for a refusal that an unsupported element of a statement led to, the statement and the element; else ''.
    """

    allowed: bool
    reason: str = ""
    statement: Document | None = None
    unsure: str = ""


@dataclass(frozen=True)
class StatementMatch:
    """The effect of policies of one kind, and the statement with that effect. named: for resource policies only.

    unsure: the statement with an unsupported element that denied, or would have allowed, the request.
    """

    effect: Effect
    statement: Document | None = None
    named: Named = Named.NO
    unsure: Document | None = None


def match_identity_policies(policies: Iterable[Document], request: AccessRequest) -> StatementMatch:
    """Return the effect of identity policies on a request: an explicit Deny wins, then an Allow."""
    listed = [(statement, Named.ITSELF) for policy in policies for statement in statements(policy)]
    return replace(_match(listed, request, resource_counts=True), named=Named.NO)


def match_trust_policy(policy: Document, caller: Principal, request: AccessRequest) -> StatementMatch:
    """Return the effect of a trust policy on a request.

    Of several Allow statements, return the one that names the caller most exactly.
    """
    return _match(_naming(policy, caller), request, resource_counts=False)


def match_resource_policy(policy: Document, caller: Principal, request: AccessRequest) -> StatementMatch:
    """Return the effect of a resource policy, whose statements name resources; see `match_trust_policy`."""
    return _match(_naming(policy, caller), request, resource_counts=True)


def authorize(permissions: Permissions, request: AccessRequest) -> Decision:
    """Return the decision on a request in the caller's account, by the caller's policies."""
    kinds = [
        ("identity-based policy", match_identity_policies(permissions.identity, request)),
        *_limits(permissions, request),
    ]
    return _denied(kinds, request) or _not_allowed(kinds, request) or Decision(True, "", kinds[0][1].statement)


def authorize_on(
    policy: ResourcePolicy, caller: Principal, permissions: Permissions, request: AccessRequest
) -> Decision:
    """Return the decision on a request for a resource, by the caller's policies and the resource's policy."""
    return _decide(policy, match_resource_policy(policy.document, caller, request), caller, permissions, request)


def assume_role(caller: Principal, permissions: Permissions, trust: Document, request: AccessRequest) -> Decision:
    """Return the decision on sts:AssumeRole. The resource of `request` is the ARN of the role."""
    policy = ResourcePolicy(account_of(request.resource), trust, decisive=True, kind="role trust policy")
    return _decide(policy, match_trust_policy(trust, caller, request), caller, permissions, request)


def _unsupported(statement: Document | None, request: AccessRequest) -> str:
    """Return the elements of a statement that this module does not support, as text; '' without a statement."""
    if statement is None:
        return ""
    found = [
        text
        for element in ("Action", "NotAction", "Resource", "NotResource")
        for text in strings(statement.get(element))
        if "${" in text
    ]
    found += ["NotPrincipal"] if "NotPrincipal" in statement else []
    found += unknown_conditions(statement.get("Condition"), request.context)
    sid = statement.get("Sid")
    return (f"statement {sid}: " if sid else "") + ", ".join(found)


def _decide(
    policy: ResourcePolicy, granted: StatementMatch, caller: Principal, permissions: Permissions, request: AccessRequest
) -> Decision:
    """Return the decision. granted: the effect of the resource's policy.

    Across accounts, the caller's policies and the resource's policy must both allow the action. Within one account, a
    resource's policy that names the caller is enough, and so are the caller's policies unless the resource's policy is
    decisive. A service or web identity needs only the resource's policy.
    Source: IAM user guide, reference_policies_evaluation-logic-cross-account and
    reference_policies_evaluation-logic_policy-eval-basics-single-account.
    """
    own = ("identity-based policy", match_identity_policies(permissions.identity, request))
    limits = _limits(permissions, request)
    resource = (policy.kind, granted)
    if denied := _denied([own, *limits, resource], request):
        return denied
    same_account = caller.account == policy.owner
    if caller.service or caller.federated or (same_account and granted.named is Named.ITSELF):
        needed = [*limits, resource]
    elif same_account and not policy.decisive:
        needed = [own, *limits]
    else:
        needed = [own, *limits, resource]
    return _not_allowed(needed, request) or Decision(True, "", granted.statement or own[1].statement)


def _limits(permissions: Permissions, request: AccessRequest) -> list[tuple[str, StatementMatch]]:
    limits = [("permissions boundary", permissions.boundary), ("session policy", permissions.session)]
    return [(kind, match_identity_policies([policy], request)) for kind, policy in limits if policy is not None]


def _denied(kinds: Iterable[tuple[str, StatementMatch]], request: AccessRequest) -> Decision | None:
    for kind, finding in kinds:
        if finding.effect is Effect.DENY:
            article = "the" if kind == "role trust policy" else "an" if kind[0] in "aeiou" else "a"
            reason = f"with an explicit deny in {article} {kind}"
            return Decision(False, reason, finding.statement, _unsupported(finding.unsure, request))
    return None


def _not_allowed(kinds: Iterable[tuple[str, StatementMatch]], request: AccessRequest) -> Decision | None:
    for kind, finding in kinds:
        if finding.effect is Effect.NOTHING:
            reason = f"because no {kind} allows the {request.action} action"
            return Decision(False, reason, unsure=_unsupported(finding.unsure, request))
    return None


def _naming(policy: Document, caller: Principal) -> list[tuple[Document, Named]]:
    """Return the statements of a resource policy that name a caller."""
    listed = [(statement, _named_by(statement, caller)) for statement in statements(policy)]
    return [(statement, named) for statement, named in listed if named is not Named.NO]


def _match(
    listed: Iterable[tuple[Document, Named]], request: AccessRequest, *, resource_counts: bool
) -> StatementMatch:
    """Return the effect of statements on a request. Unsupported elements count against the caller."""
    found, unsure = StatementMatch(Effect.NOTHING), None
    for statement, named in listed:
        matches = [
            _covers(statement, "Action", request.action.lower(), str.lower),
            _covers(statement, "Resource", request.resource, str) if resource_counts else True,
            conditions_match(statement.get("Condition"), request.context),
        ]
        if False in matches:
            continue
        certain = None not in matches and "NotPrincipal" not in statement
        if statement.get("Effect") == "Deny":
            return StatementMatch(Effect.DENY, statement, named, None if certain else statement)
        if statement.get("Effect") != "Allow":
            continue
        if not certain:
            unsure = unsure or statement
        elif named > found.named:
            found = StatementMatch(Effect.ALLOW, statement, named)
    return found if found.statement else replace(found, unsure=unsure)


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
    if caller.federated:
        found = {caller.federated} & {*strings(principal.get("Federated"))} or "*" in strings(principal.get("AWS"))
        return Named.ITSELF if found else Named.NO
    return max((_named_as(p, caller) for p in strings(principal.get("AWS"))), default=Named.NO)


def _named_as(principal: str, caller: Principal) -> Named:
    session = f"{caller.unique_id}:{caller.arn.rpartition('/')[2]}"
    if principal in {"*", caller.arn, caller.identity_arn, caller.unique_id, session} - {""}:
        return Named.ITSELF
    root = re.fullmatch(r"(?:arn:([\w-]+):iam::)?(\d{12})(?::root)?", principal)
    if root is None or root[2] != caller.account:
        return Named.NO
    return Named.ACCOUNT if root[1] is None or caller.arn.startswith(f"arn:{root[1]}:") else Named.NO
