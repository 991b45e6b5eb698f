"""The operator's identity in the trusted account tries to assume the trusting role.

If AWS returns credentials, they are discarded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tfdriver.aws.calls import SESSION_NAME, AwsError, Calls
from tfdriver.spec.model import Account, Role
from tfdriver.verify import outcome
from tfdriver.verify.attempts import PERMITTED, Attempt, Check
from tfdriver.verify.outcome import CallOutcome, OutcomeKind

_TRUST = "role trust policy"


class Intruder:
    """Makes the calls of a round. account: the trusted account; caller: the operator's ARN there."""

    def __init__(self, aws: Calls, account: Account, caller: str, trusting: Role) -> None:
        self._aws = aws
        self._account = account
        self._caller = caller
        self._trusting = trusting
        self._simulated: CallOutcome | None = None

    def __call__(self, checks: Sequence[Check]) -> dict[str, CallOutcome]:
        """Return the outcome of each check, by name, and that of the control PERMITTED."""
        outcomes = {check.name: self._try(check.attempt) for check in checks if check.name != PERMITTED}
        tried = [outcomes[check.name] for check in checks if check.attempt.call == "sts:AssumeRole"]
        return outcomes | {PERMITTED: self._permitted(tried)}

    def _try(self, attempt: Attempt) -> CallOutcome:
        request = {"RoleArn": self._trusting.arn, "RoleSessionName": SESSION_NAME}
        if attempt.external_id is not None:
            request["ExternalId"] = attempt.external_id

        def ask(sts: Any) -> Any:
            is_control = attempt.call == "sts:GetCallerIdentity"
            return sts.get_caller_identity() if is_control else sts.assume_role(**request)

        try:
            answer = self._aws.call(self._account, "sts", ask)
        except AwsError as error:
            return outcome.from_answer(error.answer, error.what)
        return outcome.allowed(outcome.request_id(answer))

    def _permitted(self, tried: Iterable[CallOutcome]) -> CallOutcome:
        """Return whether the operator's own permissions allow the calls, so that only the trust policy refuses them.

        AWS does not always name the kind of policy that refused a call. If it does not, the policy simulator evaluates
        the operator's own policies; it ignores the trust policy of the other account.
        """
        for found in tried:
            if found.kind is OutcomeKind.DENIED:
                policy = outcome.deciding_policy(found.message)
                if policy and policy != _TRUST:
                    return CallOutcome(
                        OutcomeKind.BROKEN, f"the {policy} refused the call, so the trust policy was not tested"
                    )
                if not policy:
                    if self._simulated is None or self._simulated.kind is OutcomeKind.UNKNOWN:
                        self._simulated = self._simulate()
                    return self._simulated
        return outcome.allowed()

    def _simulate(self) -> CallOutcome:
        def ask(iam: Any) -> Any:
            return iam.simulate_principal_policy(
                PolicySourceArn=_source_arn(iam, self._caller),
                ActionNames=["sts:AssumeRole"],
                ResourceArns=[self._trusting.arn],
            )

        try:
            (result,) = self._aws.call(self._account, "iam", ask)["EvaluationResults"]
        except AwsError as error:
            found = outcome.from_answer(error.answer, error.what)
            words = "AWS does not name the policy that refused the call, and iam:SimulatePrincipalPolicy failed"
            return CallOutcome(
                OutcomeKind.BROKEN if found.kind is OutcomeKind.DENIED else found.kind,
                f"{words}: {found.message}",
                found.code,
            )
        decision = result["EvalDecision"]
        if decision == "allowed":
            return outcome.allowed()
        reason = f"the caller's own permissions refuse the call ({decision}), so the trust policy was not tested"
        return CallOutcome(OutcomeKind.BROKEN, reason)


def _source_arn(iam: Any, caller: str) -> str:
    """Return the ARN of a caller's user or role. The ARN of a session lacks the role's path."""
    session = re.fullmatch(r"arn:[\w-]+:sts::\d{12}:assumed-role/([^/]+)/.+", caller)
    return str(iam.get_role(RoleName=session[1])["Role"]["Arn"]) if session else caller
