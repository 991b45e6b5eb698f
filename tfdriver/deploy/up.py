"""`tfdriver up`: the three phases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tfdriver.aws.cloudtrail import creator
from tfdriver.deploy.ownership import refuse_to_open_again, refuse_unmanaged
from tfdriver.deploy.preflight import (
    refuse_missing_roles,
    refuse_trusts,
    refuse_unreadable_roles,
    refuse_unreadable_successors,
    refused_kinds,
)
from tfdriver.deploy.preview import Confirm, confirm_plans, preview
from tfdriver.deploy.run_result import RunResult, run_result
from tfdriver.deploy.session import Session
from tfdriver.deploy.verify_result import Verified
from tfdriver.deploy.work import phase_one, plan_work
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam.trust_state import Unreadable
from tfdriver.spec.compositions import Composition, Side


def refuse_to_start(session: Session, *, overwrite: bool = False) -> None:
    """Raise TfdriverError for an unmanaged or unreadable role, trust policy or state.

    overwrite: whether to accept an unmanaged trust policy.
    """
    observed, driver = session.observed, session.driver
    refuse_unreadable_states(session, session.workspace.compositions)
    refuse_missing_roles(session.spec, observed)
    driver.roles.refuse_replaced(session.states)
    created_by = creator(session.tools.aws)
    refuse_unmanaged(session.workspace.compositions, observed, session.states, driver.may_adopt, created_by)
    refuse_to_open_again(session.spec, observed)
    refuse_trusts(observed.states, refused_kinds(overwrite=overwrite), "No changes made")
    refuse_unreadable_roles(session.spec, observed)
    covered = (r for c in session.workspace.compositions if c.side is Side.TRUSTING for r in c.roles)
    refuse_unreadable_successors(covered, session.spec, observed)


def refuse_unreadable_states(session: Session, compositions: Iterable[Composition]) -> None:
    """Raise TfdriverError for the first composition with an unreadable state."""
    for composition in compositions:
        state = session.states[composition.name]
        if isinstance(state, Unreadable):
            raise TfdriverError(
                f"its state cannot be read: {state.reason}",
                code="unreadable_state",
                where=f"compositions/{composition.name}",
                hint="No changes made. Make the state readable and run the same command again",
            )


def up(
    session: Session,
    confirm: Confirm,
    *,
    tighten: bool = True,
    overwrite: bool = False,
    prove: Callable[[Session, frozenset[str]], Verified] | None = None,
    keep_going: bool = False,
) -> RunResult:
    """Run the phases that are not done in AWS yet. A composition without changes is only planned.

    confirm: see `preview.Confirm`; tighten: whether to tighten broad trusts; overwrite: replace an unmanaged trust
    policy in phase 3; prove: verifies the result, unless a broad trust is in force. It receives the names of the
    compositions that this run has applied, or planned without changes. If it fails, the phases have succeeded all the
    same, and `not_verified` has the reason; keep_going: see `Driver.up`.

    Raises OpenTrustError if a phase fails while a broad trust is in force.
    """
    refuse_to_start(session, overwrite=overwrite)
    compositions = session.workspace.compositions
    with session.tools.interrupts.listening():
        with session.run() as driver:
            driver.prepare(compositions)
            first = phase_one(session.spec, compositions, session.observed)
            driver.plan(compositions, session.observed, first)
            work = plan_work(session.spec, compositions, session.observed, driver.plans.unchanged, tighten=tighten)
            tightened = {composition.name for composition in work.tighten}
            planned = preview(session, "up", compositions, first, tightened=tightened)
            confirm_plans(session, confirm, planned)
            steps = driver.up(work, overwrite=overwrite, keep_going=keep_going)
            done = run_result(driver, steps, session.observed, planned)
        if prove is None or done.exit_code is not Exit.DONE:
            return done
        try:
            verified = prove(session, driver.plans.unchanged | {step.composition for step in steps})
        except TfdriverError as error:
            return replace(done, not_verified=str(error).rstrip("."), exit_code=Exit.FAILED)
    return replace(done, verified=verified, exit_code=verified.exit_code)
