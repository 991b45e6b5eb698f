"""`tfdriver tighten`: phase 3 alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tfdriver.aws.cloudtrail import creator
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.ownership import Owner, owners, refuse_unmanaged
from tfdriver.deploy.preflight import refuse_trusts, refused_kinds
from tfdriver.deploy.revocation import revocations_in_force
from tfdriver.deploy.run_result import RunResult, run_result
from tfdriver.deploy.session import Session
from tfdriver.deploy.up import check_plans, refuse_unread_states
from tfdriver.errors import TfdriverError
from tfdriver.iam.policy_document import principals, statements
from tfdriver.iam.trust_state import TrustKind, TrustState, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.state import State

_FOREIGN = (
    "No changes made. To replace it with exactly the roles the spec names, run `tfdriver tighten --overwrite`, or "
    "`tfdriver up --overwrite` if tfdriver.yaml was edited since"
)

# What Terraform's errors say where IAM does not accept a principal, or took too long to.
_NOT_ACCEPTED = ("Invalid principal", "and was interrupted")


def tighten(
    session: Session,
    confirm: Callable[[Overview], None],
    *,
    overwrite: bool = False,
    revoke_sessions: bool = False,
    give_up: Callable[[Sequence[str]], None] | None = None,
) -> RunResult:
    """Trust exactly the trusted roles, wherever AWS does not show that already.

    Only the trusting side is changed, and only its credentials are needed: where a trusted role cannot be seen, IAM
    decides whether it exists.

    overwrite: also replace a trust policy that tfdriver did not write; revoke_sessions: then also end what sessions of
    the trusting roles there are; give_up: as for `up`. The policy of an earlier revocation goes once it has served.

    Raises TfdriverError if a trusting or a trusted role does not exist, and OpenTrustError if it fails while a broad
    trust is in force.
    """
    states = session.seen.states
    trusting = [c for c in session.workspace.compositions if c.side is Side.TRUSTING]
    refuse_trusts(states, frozenset({TrustKind.ABSENT}), "No changes made. Run `tfdriver up` first")
    _refuse_unmanaged(session, trusting)
    refuse_trusts(states, refused_kinds(overwrite=overwrite), _FOREIGN)
    served = _with_served_revocation(trusting, session)
    known = owners(trusting, session.seen, session.states)
    todo = [
        c
        for c in trusting
        if c in served or not all(states[r.key].settled and known[r.key] is Owner.STATE for r in c.roles)
    ]
    if not todo and not revoke_sessions:
        return run_result(session.driver, [], session.seen)
    unseen = _check_trusted(session, todo)
    action = "tighten, and end all sessions handed out so far" if revoke_sessions else "tighten"
    confirm(replace(session.overview("tighten"), action=action))
    with session.at_work() as driver:
        prepared = trusting if revoke_sessions else todo
        driver.prepare(prepared)
        check_plans(session, prepared, give_up)
        try:
            steps = driver.tighten(todo, overwrite=overwrite, unseen=unseen) if todo else []
        except TerraformError as error:
            if not unseen or not any(said in error.what for said in _NOT_ACCEPTED):
                raise
            raise _not_accepted(error, session, unseen) from error
        if revoke_sessions:
            steps += driver.revoke(trusting)
        done = run_result(driver, steps, session.seen)
        return replace(done, revocations=tuple(driver.revocations(trusting).values()))


def _with_served_revocation(compositions: list[Composition], session: Session) -> list[Composition]:
    """Return the compositions that hold a policy for sessions which have all ended by now."""
    found = session.driver.revocations(compositions)
    served = set(found) - set(revocations_in_force(found, session.driver.now()))
    return [c for c in compositions if served & {role.key for role in c.roles}]


def _refuse_unmanaged(session: Session, trusting: list[Composition]) -> None:
    """Refuse unmanaged roles. Of the trusted side, whose state may be kept by another team, tags are enough."""
    refuse_unread_states(session, trusting)
    driver = session.driver
    driver.refuse_replaced(session.states)
    refuse_unmanaged(
        session.workspace.compositions,
        session.seen,
        session.states,
        lambda c: driver.may_adopt(c) or (c.side is Side.TRUSTED and not isinstance(session.states[c.name], State)),
        creator(session.tools.aws),
    )


def _check_trusted(session: Session, compositions: list[Composition]) -> frozenset[str]:
    """Return the keys of the trusted roles that cannot be seen.

    Raises TfdriverError for one that does not exist, where Terraform would retry "Invalid principal" for two minutes;
    and for one that cannot be seen where the trust is orphaned: a role of that name may be anybody's.
    """
    unseen = set[str]()
    pairs = [(a, b) for c in compositions for a in c.roles for b in session.spec.trusted_by(a)]
    for trusting, role in pairs:
        found, kind = session.seen.trusted[role.key], session.seen.states[trusting.key].kind
        if found is None:
            raise TfdriverError(
                f"{role_in_account(trusting)} cannot be tightened to it: it does not exist",
                code="role_missing",
                where=role_in_account(role),
                hint="Run `tfdriver up --overwrite`, which creates it and then replaces the trust"
                if kind is TrustKind.UNMANAGED
                else "Run `tfdriver up`, which creates it",
            )
        if isinstance(found, Unreadable):
            if _names_deleted_role(session.seen.states[trusting.key]):
                raise TfdriverError(
                    f"{role_in_account(trusting)} trusts a role that was deleted, and the role of that name now cannot "
                    f"be seen: {found.reason}",
                    code="unreadable_role",
                    where=role_in_account(role),
                    hint="No changes made. Use credentials that may call iam:GetRole on it",
                )
            unseen.add(role.key)
    return frozenset(unseen)


def _names_deleted_role(state: TrustState) -> bool:
    """Whether a trust policy, be it one that tfdriver would not write, names the unique id of a deleted role."""
    policy = state.live.trust_policy if state.live else {}
    return any(principal.startswith("AROA") for found in statements(policy) for principal in principals(found))


def _not_accepted(error: TerraformError, session: Session, unseen: frozenset[str]) -> TfdriverError:
    """Return what to report where IAM may not have accepted roles that cannot be seen as principals."""
    roles = ", ".join(role_in_account(session.spec.roles[key]) for key in unseen)
    return TfdriverError(
        f"{error.what}. IAM accepts only roles that exist as principals, and whether {roles} exists cannot be seen",
        code=error.code,
        where=error.where,
        hint="Ask the owner of the trusted account whether the role exists, and run `tfdriver tighten` again",
    )
