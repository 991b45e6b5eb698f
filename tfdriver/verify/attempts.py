"""The calls that verify a pair of roles, and their expected outcomes. Pure; no I/O."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role
from tfdriver.verify.outcome import OutcomeKind
from tfdriver.verify.probes import TableProbe

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

    as_role: whether the call uses the trusting role's credentials, not the caller's own.
    """

    call: str
    external_id: str | None = None
    as_role: bool = False


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


def function_round(trusting: Role, trusted: Role, table: TableProbe | None) -> tuple[Check, ...]:
    """Return the calls that only the trusted role can make. table: the one it may access, None for no probe."""
    who = role_in_account(trusted)
    assume, *wrong_ids = [
        Check(
            f"assume{suffix}",
            f"{who} assumes {role_in_account(trusting)}{words}",
            OutcomeKind.DENIED if suffix else OutcomeKind.ALLOWED,
            Attempt("sts:AssumeRole", external_id),
            ("assume", WHO, WHO_AGAIN) if suffix else (),
        )
        for suffix, words, external_id in _external_ids(trusting)
    ]
    more = _table_checks(trusting, trusted, table) if table else ()
    return (_identity(WHO, who), assume, *wrong_ids, *more, _identity(WHO_AGAIN, who))


def _table_checks(trusting: Role, trusted: Role, table: TableProbe) -> tuple[Check, ...]:
    as_role = f"{role_in_account(trusted)} as {role_in_account(trusting)}"
    identity = Attempt("sts:GetCallerIdentity", trusting.external_id, as_role=True)
    granted = [_table_check("granted", as_role, action, table, trusting) for action in table.granted]
    # Without an allowed call of the same kind, a refusal may have another reason than the caller.
    same_kind = tuple(check.name for check in granted)
    controls, direct_controls = (WHO_AS_ROLE, *same_kind, WHO_AGAIN), (WHO, *same_kind, WHO_AGAIN)
    return (
        Check(WHO_AS_ROLE, f"{as_role} calls sts:GetCallerIdentity", OutcomeKind.ALLOWED, identity, control=True),
        *granted,
        *(
            replace(_table_check("not-granted", as_role, action, table, trusting), controls=controls)
            for action in table.not_granted
        ),
        *(
            replace(
                _table_check("direct", f"{role_in_account(trusted)} as itself", action, table), controls=direct_controls
            )
            for action in table.granted
        ),
    )


def untried(trusting: Role, trusted: Role, table: TableProbe) -> tuple[tuple[str, str, str], ...]:
    """Return name, description and reason of each check for which a probe names no action."""
    as_role = f"{role_in_account(trusted)} as {role_in_account(trusting)}"
    lists = {
        "granted": (table.granted, f"{as_role} makes granted calls on {table.table_name}"),
        "not-granted": (table.not_granted, f"{as_role} makes calls on {table.table_name} that are not granted"),
    }
    because = f"the probe of module {trusting.module} names no action as"
    return tuple(
        (name, tried, f"{because} `{name.replace('-', '_')}`") for name, (listed, tried) in lists.items() if not listed
    )


def _table_check(name: str, who: str, action: str, table: TableProbe, role: Role | None = None) -> Check:
    """Return the check of one action on a table. role: whose credentials are used, None for the caller's own."""
    return Check(
        f"{name} {action}",
        f"{who} calls {action} on {table.table_name}",
        OutcomeKind.ALLOWED if name == "granted" else OutcomeKind.DENIED,
        Attempt(action, role.external_id if role else None, as_role=role is not None),
    )


def _external_ids(trusting: Role) -> list[tuple[str, str, str | None]]:
    """Return name suffix, words and external id of each way to assume a role, the correct one first."""
    if trusting.external_id is None:
        return [("", "", None)]
    return [
        ("", " with the external id", trusting.external_id),
        ("-without-external-id", " without the external id", None),
        ("-with-wrong-external-id", " with a wrong external id", f"wrong-{secrets.token_hex(8)}"),
    ]


def _identity(name: str, who: str) -> Check:
    return Check(
        name, f"{who} calls sts:GetCallerIdentity", OutcomeKind.ALLOWED, Attempt("sts:GetCallerIdentity"), control=True
    )
