"""Why may a role (not) assume another? Both documents of a pair, evaluated as AWS would. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from tfdriver.aws.role_policies import NamedPolicy, RolePolicies
from tfdriver.iam import wording
from tfdriver.iam.conditions import RequestContext, like
from tfdriver.iam.evaluator import AccessRequest, Effect, Principal, match_identity_policies, match_trust_policy
from tfdriver.iam.policy_document import Document, statements, strings
from tfdriver.iam.trust_state import LiveRole, TrustKind, TrustState, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role

ACTION = "sts:AssumeRole"
# What AWS knows of a call and we do not: a condition on one of these neither helps an Allow nor stops a Deny.
_UNKNOWN = ("aws:*", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys")
_TIGHTEN, _UP = "Run `tfdriver tighten`", "Run `tfdriver up`"
_OVERWRITE = "If nobody meant that, run `tfdriver tighten --overwrite`"


@dataclass(frozen=True)
class PairView:
    """What was seen of a pair. state: of the trusting role; caller, policies: of the trusted one."""

    state: TrustState
    caller: LiveRole | Unreadable | None
    policies: RolePolicies | Unreadable | None


@dataclass(frozen=True)
class DocumentVerdict:
    """What one document says. allows: None if it can't be told; words, change: sentences without a full stop.

    change: what makes it allow the call; of a broad trust, which allows it, what makes the trust exact.
    """

    allows: bool | None
    words: str
    change: str = ""


@dataclass(frozen=True)
class Verdict:
    """What both documents say of a pair. allowed: None if it can't be told; change: the one thing to change, or ''."""

    trusting: str
    trusting_account: str
    trusted: str
    trusted_account: str
    permissions: DocumentVerdict
    trust: DocumentVerdict

    @property
    def allowed(self) -> bool | None:
        """Whether both allow it, as across accounts both must."""
        answers = (self.permissions.allows, self.trust.allows)
        return False if False in answers else None if None in answers else True

    @property
    def change(self) -> str:
        """The one thing to change: of the permissions first, for what `up` does there it needs for the trust too."""
        refusing = [side for side in (self.permissions, self.trust) if side.allows is False]
        return refusing[0].change if refusing else ""


def judge(trusting: Role, trusted: Role, sight: PairView, now: datetime) -> Verdict:
    """Return what both documents say of `trusted` assuming `trusting`, with the external id of the spec."""
    request = _request(trusting, trusted, now)
    return Verdict(
        trusting.name,
        trusting.account.name,
        trusted.name,
        trusted.account.name,
        _permissions(trusting, trusted, sight, request),
        _trust(trusting, trusted, sight, request, now),
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


def _permissions(trusting: Role, trusted: Role, sight: PairView, request: AccessRequest) -> DocumentVerdict:
    policies = sight.policies
    if sight.caller is None:
        return DocumentVerdict(False, f"{role_in_account(trusted)} does not exist", _UP)
    if policies is None or isinstance(policies, Unreadable):
        return DocumentVerdict(None, policies.reason if policies else "not looked at")
    denying = _by(policies.policies, request, Effect.DENY)
    if denying:
        policy = f"policy {denying.name} of {role_in_account(trusted)}"
        change = f"Remove that Deny from {policy}, or except {trusting.arn} from it"
        return DocumentVerdict(False, f"policy {denying.name} denies it", change)
    allowing = _by(policies.policies, request, Effect.ALLOW)
    if allowing is None:
        return _not_allowed(trusting, trusted, policies)
    boundary = policies.boundary
    if boundary and match_identity_policies([boundary.document], request).effect is not Effect.ALLOW:
        change = f"Allow {ACTION} on {trusting.arn} in the permissions boundary {boundary.name}"
        return DocumentVerdict(
            False, f"policy {allowing.name} allows it, the permissions boundary {boundary.name} does not", change
        )
    return DocumentVerdict(True, f"policy {allowing.name} allows it")


def _by(policies: Iterable[NamedPolicy], request: AccessRequest, effect: Effect) -> NamedPolicy | None:
    return next(
        (policy for policy in policies if match_identity_policies([policy.document], request).effect is effect), None
    )


def _not_allowed(trusting: Role, trusted: Role, policies: RolePolicies) -> DocumentVerdict:
    """Say what the policies allow instead: other roles, this one under a condition, or nothing of the kind."""
    allowing = [(p.name, s) for p in policies.policies for s in _allowing(p.document)]
    fitting = [name for name, s in allowing if any(like(r, trusting.arn) for r in strings(s.get("Resource")))]
    if fitting:
        return DocumentVerdict(
            False,
            f"policy {fitting[0]} allows it only under conditions that do not hold, or that cannot be told from here",
            f"Look at the conditions in policy {fitting[0]} of {role_in_account(trusted)}",
        )
    if allowing:
        named = ", ".join(sorted({r for _, s in allowing for r in strings(s.get("Resource"))})) or "something else"
        words = f"its policy {allowing[0][0]} lets it assume {named} instead of {trusting.arn}"
        return DocumentVerdict(False, words, _UP)
    return DocumentVerdict(False, f"none of its policies allows {ACTION}", _UP)


def _allowing(document: Document) -> list[Document]:
    """Return the statements that allow AssumeRole on something."""
    return [
        s
        for s in statements(document)
        if s.get("Effect") == "Allow" and any(like(a.lower(), ACTION.lower()) for a in strings(s.get("Action")))
    ]


def _trust(trusting: Role, trusted: Role, sight: PairView, request: AccessRequest, now: datetime) -> DocumentVerdict:
    state = sight.state
    if state.kind is TrustKind.ABSENT:
        return DocumentVerdict(False, f"{role_in_account(trusting)} does not exist", _UP)
    if state.live is None:
        return DocumentVerdict(None, state.detail)
    role_id = sight.caller.role_id if isinstance(sight.caller, LiveRole) else ""
    session = f"arn:{trusted.account.partition}:sts::{trusted.account.id}:assumed-role/{trusted.name}/session"
    caller = Principal(session, trusted.account.id, role_id, trusted.arn)
    effect = match_trust_policy(state.live.trust_policy, caller, request).effect
    if effect is Effect.DENY:
        words = f"the trust policy of {role_in_account(trusting)} denies {role_in_account(trusted)}"
        return DocumentVerdict(False, words, f"Remove that Deny. {_OVERWRITE}")
    if effect is Effect.ALLOW and state.open_at(now):
        until = state.trust.until if state.trust else None
        deadline = f"until {wording.moment(until)}" if until else "without a deadline"
        change = f"It is allowed, but the trust is broad, {deadline}. {_finish(state, sight.caller)}"
        return DocumentVerdict(True, f"{role_in_account(trusting)} {wording.access_to(state)}", change)
    if effect is Effect.ALLOW:
        return DocumentVerdict(True, f"{role_in_account(trusting)} trusts {role_in_account(trusted)}")
    return _not_let_in(trusting, trusted, state, sight.caller, now)


def _not_let_in(
    trusting: Role, trusted: Role, state: TrustState, caller: LiveRole | Unreadable | None, now: datetime
) -> DocumentVerdict:
    """Say why a trust policy lets nobody of this name in."""
    finish = _finish(state, caller)
    trust, here, there = state.trust, role_in_account(trusting), role_in_account(trusted)
    if trust is None:
        return DocumentVerdict(False, f"{here} does not trust {there}: {state.detail}", _OVERWRITE)
    if trust.dead_ids:
        dead = ", ".join(sorted(trust.dead_ids))
        return DocumentVerdict(False, f"{here} trusts {dead}, the id of a role that was deleted", finish)
    if trust.external_id != trusting.external_id:
        wanted, ours = trust.external_id or "none", trusting.external_id or "none"
        words = f"the external id differs: {here} wants {wanted}, the spec says {ours}"
        return DocumentVerdict(False, words, f"Put the right one into tfdriver.yaml. {_OVERWRITE}")
    if trust.expired(now):
        return DocumentVerdict(False, f"the deadline has passed: {here} trusted {wording.trusted(trust)}", finish)
    return DocumentVerdict(False, f"{here} trusts {wording.trusted(trust)}, not {there}", finish)


def _finish(state: TrustState, caller: LiveRole | Unreadable | None) -> str:
    """Return what makes a trust exact. caller: the trusted role."""
    if state.kind is TrustKind.UNMANAGED:
        return _OVERWRITE
    return _UP if caller is None else _TIGHTEN
