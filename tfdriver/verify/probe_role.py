"""Calls made with the trusted role's credentials, for a role that an operator may assume."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfdriver.aws.calls import AssumedRole, AwsError, RoleCalls
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role
from tfdriver.verify import outcome, resource_calls
from tfdriver.verify.attempts import Attempt, Check
from tfdriver.verify.outcome import CallOutcome, OutcomeKind
from tfdriver.verify.probes import RoleProbe


@dataclass(frozen=True)
class ProbeRole:
    """A trusted role that answers probes, see modules/README.md. caller: the operator's ARN in its account."""

    aws: RoleCalls
    trusted: Role
    probe: RoleProbe
    caller: str
    trusting: Role

    def __call__(self, checks: Sequence[Check]) -> dict[str, CallOutcome]:
        """Return the outcome of each check of a round, by name. Each round assumes the roles anew."""
        step = ""
        try:
            aws = self.aws
            if not is_caller(self.caller, self.probe.probe_by):
                step = f"the operator's identity in {self.trusted.account.name} could not assume {self.probe.probe_by}"
                aws = aws.assume_role(self.trusted.account, self.probe.probe_by)
            step = f"{self.probe.probe_by} could not assume {role_in_account(self.trusted)}"
            itself = aws.assume_role(self.trusted.account, self.trusted.arn)
        except AwsError as error:
            # That the operator is refused proves nothing about the role.
            found = outcome.from_answer(error.answer, error.what)
            failure = replace(found, kind=OutcomeKind.UNKNOWN, message=f"{step}: {found.message}")
            return {check.name: failure for check in checks}
        as_role = _assume(self, itself, self.trusting.external_id)
        return {check.name: self._try(check.attempt, itself, as_role) for check in checks}

    def _try(self, attempt: Attempt, itself: AssumedRole, as_role: AssumedRole | CallOutcome) -> CallOutcome:
        """Return the outcome of one call. as_role: a session of the trusting role, or why there is none."""
        if attempt.call == "sts:AssumeRole":
            right = attempt.external_id == self.trusting.external_id
            found = as_role if right else _assume(self, itself, attempt.external_id)
            return found if isinstance(found, CallOutcome) else outcome.allowed(found.request_id)
        if attempt.as_role and isinstance(as_role, CallOutcome):
            message = f"sts:AssumeRole failed first: {as_role.message}"
            return replace(as_role, kind=OutcomeKind.UNKNOWN, message=message)
        session = as_role if attempt.as_role and not isinstance(as_role, CallOutcome) else itself
        call, account = attempt.resource, self.trusted.account
        if call and not resource_calls.can_make(call):
            return CallOutcome(OutcomeKind.UNTRIED, f"tfdriver verify cannot call {call.action}")
        try:
            if call:
                return outcome.allowed(resource_calls.make_call(session, account, call))
            return outcome.allowed(outcome.request_id(session.call(account, "sts", lambda s: s.get_caller_identity())))
        except AwsError as error:
            if call:
                # The control of the trusted role's own calls is the same call as the trusting role.
                return resource_calls.failed_call(call, error, exists=not attempt.as_role)
            return outcome.from_answer(error.answer, error.what)


def _assume(probe: ProbeRole, itself: AssumedRole, external_id: str | None) -> AssumedRole | CallOutcome:
    """Return a session of the trusting role, or the outcome of a failure. itself: of the trusted role."""
    try:
        return itself.assume_role(probe.trusted.account, probe.trusting.arn, external_id)
    except AwsError as error:
        return outcome.from_answer(error.answer, error.what)


def is_caller(caller: str, arn: str) -> bool:
    """Whether a caller, as sts:GetCallerIdentity returns it, is this user or a session of this role.

    The ARN of a session lacks the role's path.
    """
    session = re.fullmatch(r"(arn:[\w-]+):sts::(\d{12}):assumed-role/([^/]+)/.+", caller)
    if session is None:
        return caller == arn
    return re.fullmatch(rf"{session[1]}:iam::{session[2]}:role/(?:.*/)?{re.escape(session[3])}", arn) is not None
