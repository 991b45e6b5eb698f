"""`tfdriver up`: the three phases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tfdriver.aws.cloudtrail import creator
from tfdriver.deploy.ownership import refuse_to_open_again, refuse_unmanaged
from tfdriver.deploy.preflight import (
    refuse_early,
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
from tfdriver.deploy.work import PhaseOne, Work, in_share, phase_one, plan_work
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam.trust_state import Phase, Unreadable
from tfdriver.spec.compositions import Composition, Side


def refuse_to_start(session: Session, *, overwrite: bool = False) -> None:
    """Raise TfdriverError for an unmanaged or unreadable role, trust policy or state.

    overwrite: whether to accept an unmanaged trust policy.
    """
    observed, driver = session.observed, session.driver
    refuse_unreadable_states(session, session.workspace.compositions)
    refuse_missing_roles(session.spec, observed)
    driver.roles.refuse_replaced(session.states)
    driver.roles.refuse_unmanaged_elsewhere(observed)
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
    phase: Phase | None = None,
    tighten: bool = True,
    overwrite: bool = False,
    prove: Callable[[Session, frozenset[str]], Verified] | None = None,
    keep_going: bool = False,
) -> RunResult:
    """Run the phases that are not done in AWS yet. A composition without changes is only planned.

    confirm: see `preview.Confirm`; phase: the only one to run, None for all; tighten: whether to tighten broad trusts;
    overwrite: replace an unmanaged trust policy in phase 3; prove: verifies the result after phase 3, unless a broad
    trust is in force. It receives the names of the compositions that this run has applied, or planned without changes.
    If it fails, the phases have succeeded all the same, and `not_verified` has the reason; keep_going: see `Driver.up`.

    Raises TfdriverError if an earlier phase than `phase` is not done, and OpenTrustError if a phase fails while a broad
    trust is in force.
    """
    refuse_to_start(session, overwrite=overwrite)
    first = phase_one(session.spec, session.workspace.of_all_shards, session.observed)
    if phase:
        refuse_early(phase, session.workspace.compositions, session.spec, session.observed, first)
    first = first.in_phase(phase)
    compositions = [c for c in session.workspace.compositions if _is_in(phase, c, first)]
    with session.tools.interrupts.listening():
        with session.run() as driver:
            driver.prepare(compositions)
            driver.plan(compositions, session.observed, first)
            work = _work(session, compositions, phase, tighten=tighten)
            tightened = {composition.name for composition in work.tighten}
            planned = preview(session, "up", compositions, first, tightened=tightened, phase=phase)
            confirm_plans(session, confirm, planned)
            steps = driver.up(work, overwrite=overwrite, keep_going=keep_going)
            done = run_result(driver, steps, session.observed, planned, phase)
        if prove is None or phase not in (None, Phase.TIGHTEN) or done.exit_code is not Exit.DONE:
            return done
        try:
            verified = prove(session, driver.plans.unchanged | {step.composition for step in steps})
        except TfdriverError as error:
            return replace(done, not_verified=str(error).rstrip("."), exit_code=Exit.FAILED)
    return replace(done, verified=verified, exit_code=verified.exit_code)


def _is_in(phase: Phase | None, composition: Composition, first: PhaseOne) -> bool:
    """Whether a phase may apply a composition, None for any phase."""
    match phase:
        case Phase.BROAD:
            return composition in first.open
        case Phase.CONNECT:
            return composition.side is Side.TRUSTED
        case Phase.TIGHTEN:
            return composition.side is Side.TRUSTING
    return True


def _work(session: Session, planned: Iterable[Composition], phase: Phase | None, *, tighten: bool) -> Work:
    """Return what this run applies. planned: the compositions that it has planned."""
    workspace, observed = session.workspace, session.observed
    others = {c.name for c in workspace.of_all_shards} - {c.name for c in planned}
    unchanged = session.driver.plans.unchanged | others
    work = plan_work(session.spec, workspace.of_all_shards, observed, unchanged, tighten=tighten, phase=phase)
    return in_share(work, phase, workspace.compositions, observed)
