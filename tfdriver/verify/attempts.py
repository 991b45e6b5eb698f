"""The calls that verify a pair of roles, and their expected outcomes. Pure; no I/O."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role
from tfdriver.verify.outcome import OutcomeKind
from tfdriver.verify.resource_calls import ResourceCall

# IAM is eventually consistent (measured: 2 s to over 30 s). An outcome counts only if it is the same so many times in a
# row, and a refusal only if it lasts so many seconds.
IN_A_ROW = 3
REFUSED_FOR = 3.0

WHO, WHO_AGAIN, PERMITTED = "control-identity", "control-identity-after", "control-permitted"
WRITE = "write"
WHO_AS_ROLE = "control-identity-as-role"


@dataclass(frozen=True)
class Attempt:
    """A call to make. call: an IAM action; external_id: for sts:AssumeRole, None to send none.

    as_role: whether the call uses the trusting role's credentials, not the caller's own; resource: for a call on one.
    """

    call: str
    external_id: str | None = None
    as_role: bool = False
    resource: ResourceCall | None = None


@dataclass(frozen=True)
class Check:
    """A call and its expected outcome. name: for programs; tried: for people.

    controls: names of checks in the same round; if one is not allowed, the outcome is inconclusive; control: whether
    the check is only a control and not reported.
    """

    name: str
    tried: str
    expected: OutcomeKind
    attempt: Attempt
    controls: tuple[str, ...] = ()
    control: bool = False

    @property
    def span(self) -> float:
        """How many seconds the outcome must last."""
        return REFUSED_FOR if self.expected is OutcomeKind.DENIED else 0.0


def intruder_round(trusting: Role, trusted: Role) -> tuple[Check, ...]:
    """Return the calls of the operator's identity in the trusted account. The trust policy must refuse them.

    The control PERMITTED checks that the identity's own permissions allow the calls.
    """
    who = f"the operator's identity in {trusted.account.name}"
    tries = [
        Check(
            f"intruder{suffix}",
            f"{who} assumes {role_in_account(trusting)}{words}",
            OutcomeKind.DENIED,
            Attempt("sts:AssumeRole", external_id),
            (WHO, PERMITTED, WHO_AGAIN),
        )
        for suffix, words, external_id in _external_ids(trusting)
    ]
    simulation = Attempt("iam:SimulatePrincipalPolicy")
    permitted = Check(
        PERMITTED, f"the permissions of {who} allow the call", OutcomeKind.ALLOWED, simulation, control=True
    )
    return (_identity(WHO, who), *tries, permitted, _identity(WHO_AGAIN, who))


def trusted_round(
    trusting: Role, trusted: Role, calls: Sequence[ResourceCall], another_id: str | None = None
) -> tuple[Check, ...]:
    """Return the calls that only the trusted role can make.

    calls: on the trusting role's resources; another_id: the external id of another role that `trusted` may assume.
    """
    who = role_in_account(trusted)
    assume, *wrong_ids = [
        Check(
            f"assume{suffix}",
            f"{who} assumes {role_in_account(trusting)}{words}",
            OutcomeKind.DENIED if suffix else OutcomeKind.ALLOWED,
            Attempt("sts:AssumeRole", external_id),
            ("assume", WHO, WHO_AGAIN) if suffix else (),
        )
        for suffix, words, external_id in _external_ids(trusting, another_id)
    ]
    more = _resource_checks(trusting, trusted, calls) if calls else ()
    return (_identity(WHO, who), assume, *wrong_ids, *more, _identity(WHO_AGAIN, who))


def _resource_checks(trusting: Role, trusted: Role, calls: Sequence[ResourceCall]) -> tuple[Check, ...]:
    as_role = _as_role(trusting, trusted)
    identity = Attempt("sts:GetCallerIdentity", trusting.external_id, as_role=True)
    allowed = [call for call in calls if call.allowed]

    def controls(first: str, call: ResourceCall) -> tuple[str, ...]:
        # Without an allowed call of the same service, a refusal may have another reason than the caller.
        same = [_resource_check("granted", as_role, other, trusting).name for other in allowed if _same(call, other)]
        return (first, *same, WHO_AGAIN)

    return (
        Check(WHO_AS_ROLE, f"{as_role} calls sts:GetCallerIdentity", OutcomeKind.ALLOWED, identity, control=True),
        *(_resource_check("granted", as_role, call, trusting) for call in allowed),
        *(
            replace(_resource_check("not-granted", as_role, call, trusting), controls=controls(WHO_AS_ROLE, call))
            for call in calls
            if not call.allowed
        ),
        *(
            replace(
                _resource_check("direct", f"{role_in_account(trusted)} as itself", call), controls=controls(WHO, call)
            )
            for call in allowed
        ),
    )


def _same(call: ResourceCall, other: ResourceCall) -> bool:
    """Whether two calls are of the same service."""
    return call.action.partition(":")[0] == other.action.partition(":")[0]


def untried(trusting: Role, trusted: Role, calls: Sequence[ResourceCall]) -> tuple[tuple[str, str, str], ...]:
    """Return name, description and reason of each kind of check for which a probe has no call."""
    as_role = _as_role(trusting, trusted)
    kinds = [("granted", "allowed", True), ("not-granted", "refused", False)]
    return tuple(
        (
            name,
            f"{as_role} makes calls that must be {word}",
            f"the probe of module {trusting.module} has no call that must be {word}",
        )
        for name, word, allowed in kinds
        if allowed not in [call.allowed for call in calls]
    )


def _as_role(trusting: Role, trusted: Role) -> str:
    return f"{role_in_account(trusted)} as {role_in_account(trusting)}"


def _resource_check(name: str, who: str, call: ResourceCall, role: Role | None = None) -> Check:
    """Return the check of one call on a resource. role: whose credentials are used, None for the caller's own."""
    return Check(
        f"{name} {call.name}",
        f"{who} calls {call.action} on {call.resource}",
        OutcomeKind.ALLOWED if name == "granted" else OutcomeKind.DENIED,
        Attempt(call.action, role.external_id if role else None, as_role=role is not None, resource=call),
    )


def _external_ids(trusting: Role, another_id: str | None = None) -> list[tuple[str, str, str | None]]:
    """Return name suffix, words and external id of each way to assume a role, the correct one first."""
    if trusting.external_id is None:
        return [("", "", None)]
    crossed = ("-with-crossed-external-id", " with the external id of another role", another_id)
    return [
        ("", " with the external id", trusting.external_id),
        ("-without-external-id", " without the external id", None),
        ("-with-wrong-external-id", " with a wrong external id", f"wrong-{secrets.token_hex(8)}"),
        *([crossed] if another_id else []),
    ]


def _identity(name: str, who: str) -> Check:
    return Check(
        name, f"{who} calls sts:GetCallerIdentity", OutcomeKind.ALLOWED, Attempt("sts:GetCallerIdentity"), control=True
    )
