"""What IAM's policies say about calls that cannot be made. Pure; no I/O.

It is not a proof: policies of the resource and of the organization are not evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus
from tfdriver.iam.conditions import RequestContext
from tfdriver.iam.evaluator import AccessRequest, Decision, Permissions, Principal, assume_role, authorize
from tfdriver.iam.policy_document import Document
from tfdriver.iam.trust_state import Unreadable
from tfdriver.spec.model import Role
from tfdriver.verify import resource_calls
from tfdriver.verify.attempts import Check
from tfdriver.verify.resource_calls import ResourceCall

# Condition keys of sts:AssumeRole whose values only AWS knows. Of other calls, all keys that are not known.
_UNKNOWN = ("aws:*", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys")


@dataclass(frozen=True)
class PairPolicies:
    """The policies of a pair. trust, trusting: of the trusting role; trusted, trusted_id: of the trusted role."""

    trust: Document | None
    trusting: Permissions | Unreadable
    trusted: Permissions | Unreadable
    trusted_id: str = ""


def policy_checks(
    trusting: Role, trusted: Role, checks: Sequence[Check], policies: PairPolicies, now: datetime
) -> list[CheckResult]:
    """Return what the policies say about assuming the trusting role, and about the calls on resources as that role."""
    pair = CheckedRoles(trusting.key, trusted.key)
    found = []
    for check in checks:
        call = check.attempt.resource
        if call and check.attempt.as_role:
            decision = _as_role(trusting, call, policies, now)
        elif check.attempt.call == "sts:AssumeRole":
            decision = _assume(trusting, trusted, check.attempt.external_id, policies, now)
        else:
            continue
        verdict = CheckStatus.NOT_PROBED if isinstance(decision, str) else CheckStatus.BY_POLICY
        words = decision if isinstance(decision, str) else _words(decision)
        found.append(CheckResult(pair, check.name, check.tried, str(check.expected), words, verdict))
    return found


def _assume(
    trusting: Role, trusted: Role, external_id: str | None, policies: PairPolicies, now: datetime
) -> Decision | str:
    """Return the decision, or why there is none."""
    if isinstance(policies.trusted, Unreadable):
        return policies.trusted.reason
    if policies.trust is None:
        return "the trust policy cannot be read"
    partition = trusted.arn.split(":")[1]
    caller = Principal(
        arn=f"arn:{partition}:sts::{trusted.account.id}:assumed-role/{trusted.name}/session",
        account=trusted.account.id,
        unique_id=policies.trusted_id,
        role_arn=trusted.arn,
    )
    facts = {} if external_id is None else {"sts:externalid": external_id}
    context = RequestContext(_facts(trusted, now) | facts, _UNKNOWN)
    request = AccessRequest("sts:AssumeRole", trusting.arn, context)
    return assume_role(caller, policies.trusted, policies.trust, request)


def _as_role(trusting: Role, call: ResourceCall, policies: PairPolicies, now: datetime) -> Decision | str:
    """Return the decision, or why there is none."""
    if isinstance(policies.trusting, Unreadable):
        return policies.trusting.reason
    arn, facts = resource_calls.iam_resource(call)
    context = RequestContext(_facts(trusting, now) | facts, ("*",))
    return authorize(policies.trusting, AccessRequest(call.action, arn, context))


def _facts(role: Role, now: datetime) -> dict[str, str]:
    return {
        "aws:principalarn": role.arn,
        "aws:principalaccount": role.account.id,
        "aws:principaltype": "AssumedRole",
        "aws:principalisawsservice": "false",
        "aws:securetransport": "true",
        "aws:currenttime": now.astimezone(UTC).isoformat(),
        "aws:epochtime": str(int(now.timestamp())),
    }


def _words(decision: Decision) -> str:
    if decision.allowed:
        return "the policies of the roles allow it"
    if decision.unsure:
        return f"whether the policies of the roles allow it depends on {decision.unsure}"
    return f"the policies of the roles refuse it, {decision.reason}"
