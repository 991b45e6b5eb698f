"""Whether a role may assume another: the policies of both roles, evaluated as AWS does. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tfdriver.aws.role_policies import NamedPolicy, RolePolicies
from tfdriver.iam import wording
from tfdriver.iam.conditions import RequestContext, conditions_match, like
from tfdriver.iam.evaluator import AccessRequest, Effect, Principal, match_identity_policies, match_trust_policy
from tfdriver.iam.policy_document import Document, statements, strings
from tfdriver.iam.trust_state import LiveRole, TrustKind, TrustState, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role

ACTION = "sts:AssumeRole"
# Condition keys whose values only AWS knows. A condition on one fails for an Allow and holds for a Deny.
_UNKNOWN = ("aws:*", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys")
_TIGHTEN, _UP = "Run `tfdriver tighten`", "Run `tfdriver up`"


@dataclass(frozen=True)
class PairView:
    """A pair as read from AWS. state: of the trusting role; caller, policies: of the trusted role."""

    state: TrustState
    caller: LiveRole | Unreadable | None
    policies: RolePolicies | Unreadable | None


@dataclass(frozen=True)
class DocumentVerdict:
    """The verdict on one role's policies. allows: None if unknown; words, change: sentences without a full stop.

    change: how to allow the call; for a broad trust, which allows it, how to make the trust exact.
    """

    allows: bool | None
    words: str
    change: str = ""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a pair. permissions: of the trusted role; trust: of the trusting role."""

    trusting: str
    trusting_account: str
    trusted: str
    trusted_account: str
    permissions: DocumentVerdict
    trust: DocumentVerdict

    @property
    def allowed(self) -> bool | None:
        """Whether both allow the call; None if unknown. Across accounts, both must allow it."""
        answers = (self.permissions.allows, self.trust.allows)
        return False if False in answers else None if None in answers else True

    @property
    def change(self) -> str:
        """How to allow the call, or ''. Permissions come first: `up` also fixes the trust."""
        refusing = [side for side in (self.permissions, self.trust) if side.allows is False]
        return refusing[0].change if refusing else ""


def judge(trusting: Role, trusted: Role, view: PairView, now: datetime) -> Verdict:
    """Return the verdict on `trusted` assuming `trusting`, with the external id of the spec."""
    request = _request(trusting, trusted, now)
    return Verdict(
        trusting=trusting.name,
        trusting_account=trusting.account.name,
        trusted=trusted.name,
        trusted_account=trusted.account.name,
        permissions=_permissions(trusting, trusted, view, request),
        trust=_trust(trusting, trusted, view, request, now),
    )


def _request(trusting: Role, trusted: Role, now: datetime) -> AccessRequest:
    facts = {
        "aws:principalarn": trusted.arn,
        "aws:principalaccount": trusted.account.id,
        "aws:principaltype": "AssumedRole",
        "aws:principalisawsservice": "false",
        "aws:securetransport": "true",
        "aws:currenttime": now.astimezone(UTC).isoformat(),
        "aws:epochtime": str(int(now.timestamp())),
    }
    if trusting.external_id is not None:
        facts["sts:externalid"] = trusting.external_id
    return AccessRequest(ACTION, trusting.arn, RequestContext(facts, _UNKNOWN))


def _permissions(trusting: Role, trusted: Role, view: PairView, request: AccessRequest) -> DocumentVerdict:
    policies = view.policies
    if view.caller is None:
        return DocumentVerdict(False, f"{role_in_account(trusted)} does not exist", _UP)
    if policies is None or isinstance(policies, Unreadable):
        return DocumentVerdict(None, policies.reason if policies else "not read")
    denying = _first(policies.policies, request, Effect.DENY)
    if denying:
        policy = f"policy {denying.name} of {role_in_account(trusted)}"
        change = f"Remove that Deny from {policy}, or exclude {trusting.arn} from it"
        return DocumentVerdict(False, f"policy {denying.name} denies it", change)
    allowing = _first(policies.policies, request, Effect.ALLOW)
    if allowing is None:
        return _not_allowed(trusting, trusted, policies)
    boundary = policies.boundary
    if boundary and match_identity_policies([boundary.document], request).effect is not Effect.ALLOW:
        change = f"Allow {ACTION} on {trusting.arn} in the permissions boundary {boundary.name}"
        return DocumentVerdict(
            False, f"policy {allowing.name} allows it, but the permissions boundary {boundary.name} does not", change
        )
    return DocumentVerdict(True, f"policy {allowing.name} allows it")


def _first(policies: Iterable[NamedPolicy], request: AccessRequest, effect: Effect) -> NamedPolicy | None:
    return next(
        (policy for policy in policies if match_identity_policies([policy.document], request).effect is effect), None
    )


def _not_allowed(trusting: Role, trusted: Role, policies: RolePolicies) -> DocumentVerdict:
    """Explain which AssumeRole the policies allow: under a condition, on other roles, or none."""
    allowing = [
        (policy.name, s)
        for policy in policies.policies
        for s in statements(policy.document)
        if s.get("Effect") == "Allow" and any(like(a.lower(), ACTION.lower()) for a in strings(s.get("Action")))
    ]
    fitting = [name for name, s in allowing if any(like(r, trusting.arn) for r in strings(s.get("Resource")))]
    if fitting:
        return DocumentVerdict(
            False,
            f"policy {fitting[0]} allows it only under conditions that do not hold or are unknown",
            f"Look at the conditions in policy {fitting[0]} of {role_in_account(trusted)}",
        )
    if allowing:
        named = ", ".join(sorted({r for _, s in allowing for r in strings(s.get("Resource"))})) or "something else"
        words = f"its policy {allowing[0][0]} allows {ACTION} on {named} instead of {trusting.arn}"
        return DocumentVerdict(False, words, _UP)
    return DocumentVerdict(False, f"none of its policies allows {ACTION}", _UP)


def _trust(trusting: Role, trusted: Role, view: PairView, request: AccessRequest, now: datetime) -> DocumentVerdict:
    state = view.state
    if state.kind is TrustKind.ABSENT:
        return DocumentVerdict(False, f"{role_in_account(trusting)} does not exist", _UP)
    if state.live is None:
        return DocumentVerdict(None, state.detail)
    role_id = view.caller.role_id if isinstance(view.caller, LiveRole) else ""
    session = f"arn:{trusted.account.partition}:sts::{trusted.account.id}:assumed-role/{trusted.name}/session"
    caller = Principal(session, trusted.account.id, role_id, trusted.arn)
    policy = state.live.trust_policy
    effect = match_trust_policy(policy, caller, request).effect
    keys = _unknown_keys(policy, request.context)
    if keys and effect is not Effect.ALLOW:
        likely = match_trust_policy(_if_unknown_hold(policy, request.context), caller, request).effect
        if likely is Effect.ALLOW:
            words = f"{role_in_account(trusting)} {wording.access_to(state)}. Only AWS has the values of {keys}"
            change = f"Check that the call satisfies the conditions on {keys}"
            return DocumentVerdict(
                None, words, f"{change}. {wording.replacing(trusting)}" if state.kind is TrustKind.UNMANAGED else change
            )
    if effect is Effect.DENY:
        words = f"the trust policy of {role_in_account(trusting)} denies {role_in_account(trusted)}"
        return DocumentVerdict(False, words, f"Remove that Deny. {wording.replacing(trusting)}")
    if effect is Effect.ALLOW and state.open_at(now):
        until = state.trust.until if state.trust else None
        deadline = f"until {wording.moment(until)}" if until else "without a deadline"
        change = f"The call is allowed, but the trust is broad, {deadline}. {_finish(state, view.caller)}"
        return DocumentVerdict(True, f"{role_in_account(trusting)} {wording.access_to(state)}", change)
    if effect is Effect.ALLOW:
        return DocumentVerdict(True, f"{role_in_account(trusting)} trusts {role_in_account(trusted)}")
    return _not_trusted(trusting, trusted, state, view.caller, now)


def _unknown_keys(policy: Document, context: RequestContext) -> str:
    """Return the condition keys in a policy whose values only AWS has, as text."""
    found = set()
    for statement in statements(policy):
        condition = statement.get("Condition")
        for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
            tested = keys.items() if isinstance(keys, Mapping) else ()
            found |= {key for key, value in tested if conditions_match({operator: {key: value}}, context) is None}
    return " and ".join(sorted(found))


def _if_unknown_hold(policy: Document, context: RequestContext) -> Document:
    """Return a policy with the conditions of unknown result decided in favor of the caller."""
    decided = []
    for statement in statements(policy):
        if conditions_match(statement.get("Condition"), context) is not None:
            decided.append(statement)
        elif statement.get("Effect") == "Allow":
            decided.append({element: value for element, value in statement.items() if element != "Condition"})
    return {"Statement": decided}


def _not_trusted(
    trusting: Role, trusted: Role, state: TrustState, caller: LiveRole | Unreadable | None, now: datetime
) -> DocumentVerdict:
    """Explain why a trust policy does not trust the role."""
    finish = _finish(state, caller)
    trust, here, there = state.trust, role_in_account(trusting), role_in_account(trusted)
    if trust is None:
        found = state.detail or wording.access_to(state)
        return DocumentVerdict(False, f"{here} does not trust {there}: {found}", finish)
    if trust.dead_ids:
        dead = ", ".join(sorted(trust.dead_ids))
        return DocumentVerdict(False, f"{here} trusts {dead}, the id of a role that was deleted", finish)
    if trust.external_id != trusting.external_id:
        required, configured = trust.external_id or "none", trusting.external_id or "none"
        words = f"the external id differs: {here} requires {required}, the spec has {configured}"
        overwrite = f"Correct the external id in tfdriver.yaml. {wording.replacing(trusting)}"
        return DocumentVerdict(False, words, overwrite if state.kind is TrustKind.UNMANAGED else _UP)
    if trust.expired(now):
        return DocumentVerdict(False, f"the deadline has passed: {here} trusted {wording.trusted(trust)}", finish)
    return DocumentVerdict(False, f"{here} trusts {wording.trusted(trust)}, not {there}", finish)


def _finish(state: TrustState, caller: LiveRole | Unreadable | None) -> str:
    """Return the hint that makes a trust exact. caller: the trusted role."""
    if state.kind is TrustKind.UNMANAGED:
        return wording.replacing(state.role)
    return _UP if caller is None else _TIGHTEN
