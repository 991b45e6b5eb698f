"""`tfdriver tighten`: phase 3 alone."""

from __future__ import annotations

from dataclasses import replace

from tfdriver.aws.cloudtrail import creator
from tfdriver.deploy.ownership import Owner, owners, refuse_unmanaged
from tfdriver.deploy.preflight import (
    refuse_missing_roles,
    refuse_trusts,
    refuse_unreadable_successors,
    refused_kinds,
)
from tfdriver.deploy.preview import Confirm, confirm_plans, preview
from tfdriver.deploy.revocation import revocations_in_force
from tfdriver.deploy.run_result import RunResult, run_result
from tfdriver.deploy.session import Session
from tfdriver.deploy.up import refuse_unreadable_states
from tfdriver.deploy.work import waiting_roles
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import TrustKind, Unreadable, Unseen
from tfdriver.iam.wording import role_in_account
from tfdriver.project.outputs_file import ask_owner
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.state import State


def tighten(
    session: Session,
    confirm: Confirm,
    *,
    overwrite: bool = False,
    revoke_sessions: bool = False,
    keep_going: bool = False,
) -> RunResult:
    """Trust exactly the trusted roles, and remove revocations that are no longer needed.

    Changes only the trusting side and needs only its credentials. If a trusted role cannot be read, IAM checks whether
    it exists. Compositions without any role are left out: an `up` that stopped may not have created them yet.

    confirm: see `preview.Confirm`; overwrite: replace an unmanaged trust policy; revoke_sessions: then revoke the
    trusting roles' existing sessions; keep_going: after an error, go on with the other compositions.

    Raises TfdriverError if no trusting role exists or a trusted role does not, and OpenTrustError if it fails while a
    broad trust is in force.
    """
    states = session.observed.states
    trusting = _with_roles(session)
    _refuse_unmanaged(session, trusting)
    refuse_trusts(states, refused_kinds(overwrite=overwrite), "No changes made")
    to_clean = _with_ended_revocation(trusting, session)
    found = owners(trusting, session.observed, session.states)
    todo = [
        c
        for c in trusting
        if c in to_clean or not all(states[r.key].settled and found[r.key] is Owner.STATE for r in c.roles)
    ]
    if not todo and not revoke_sessions:
        return run_result(session.driver, [], session.observed)
    unreadable = _check_trusted(session, todo)
    action = "tighten, and revoke all sessions issued so far" if revoke_sessions else "tighten"
    with session.run() as driver:
        prepared = trusting if revoke_sessions else todo
        driver.prepare(prepared)
        driver.plan(prepared, session.observed)
        planned = preview(session, action, prepared, revokes=revoke_sessions)
        confirm_plans(session, confirm, planned)
        steps = driver.tighten(todo, overwrite=overwrite, unreadable=unreadable, keep_going=keep_going)
        if revoke_sessions:
            steps += driver.revoke(trusting)
        done = run_result(driver, steps, session.observed, planned)
        return replace(done, revocations=tuple(driver.revocations(trusting).values()))


def _with_roles(session: Session) -> list[Composition]:
    """Return the trusting compositions of which a role exists. Raises TfdriverError if there are none."""
    states = session.observed.states
    found = []
    for composition in (c for c in session.workspace.compositions if c.side is Side.TRUSTING):
        if any(states[role.key].kind is not TrustKind.ABSENT for role in composition.roles):
            found.append(composition)
        else:
            missing = " and ".join(map(role_in_account, composition.roles))
            hint = session.driver.selection.in_commands("Run `tfdriver up` to create it")
            session.tools.progress.note(f"{missing} does not exist. {hint}")
    if not found and not session.workspace.shard:
        refuse_trusts(states, frozenset({TrustKind.ABSENT}), "No changes made. Run `tfdriver up` first")
    return found


def _with_ended_revocation(compositions: list[Composition], session: Session) -> list[Composition]:
    """Return the compositions with a revocation whose sessions have all expired."""
    found = session.driver.revocations(compositions)
    ended = set(found) - set(revocations_in_force(found, session.driver.now()))
    return [c for c in compositions if ended & {role.key for role in c.roles}]


def _refuse_unmanaged(session: Session, trusting: list[Composition]) -> None:
    """Refuse unmanaged roles. A trusted role needs only its tags: another team may keep its state."""
    refuse_unreadable_states(session, trusting)
    driver = session.driver
    refuse_missing_roles(session.spec, session.observed)
    driver.roles.refuse_replaced(session.states)
    driver.roles.refuse_unmanaged_elsewhere(session.observed)
    refuse_unmanaged(
        session.workspace.compositions,
        session.observed,
        session.states,
        lambda c: driver.may_adopt(c) or (c.side is Side.TRUSTED and not isinstance(session.states[c.name], State)),
        creator(session.tools.aws),
    )


def _check_trusted(session: Session, compositions: list[Composition]) -> frozenset[str]:
    """Return the keys of the unreadable trusted roles.

    Raises TfdriverError for an absent one, for which Terraform would retry "Invalid principal" for two minutes; and for
    an unreadable one if the trust names a deleted role, or if the run does not cover its account and no `outputs.json`
    lists it: a role of that name may be unmanaged.
    """
    unreadable = set[str]()
    refuse_unreadable_successors((r for c in compositions for r in c.roles), session.spec, session.observed)
    waiting = waiting_roles(session.spec, session.observed)
    pairs = [(a, b) for c in compositions for a in c.roles for b in session.spec.trusted_by(a)]
    for trusting, role in pairs:
        found, state = session.observed.trusted[role.key], session.observed.states[trusting.key]
        if found is None:
            raise TfdriverError(
                f"it does not exist, so {role_in_account(trusting)} cannot trust it",
                code="role_missing",
                where=role_in_account(role),
                hint="Run `tfdriver up --overwrite` to create it and replace the trust policy; "
                "`tfdriver plan --overwrite` prints the changes"
                if state.kind is TrustKind.UNMANAGED
                else "Run `tfdriver up` to create it",
            )
        if isinstance(found, Unseen) and not found.recorded and trusting.key in waiting:
            raise TfdriverError(
                f"{role_in_account(trusting)} cannot trust it: {found.reason}",
                code="bad_outputs",
                where=role_in_account(role),
                hint=ask_owner(role.account, found.file),
            )
        if isinstance(found, Unreadable):
            unreadable.add(role.key)
    return frozenset(unreadable)
