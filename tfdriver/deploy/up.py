"""`tfdriver up`: the three phases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tfdriver.aws.cloudtrail import creator
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.ownership import refuse_to_open_again, refuse_unmanaged
from tfdriver.deploy.preflight import refuse_trusts, refuse_unreadable_roles, refused_kinds
from tfdriver.deploy.run_result import RunResult, run_result
from tfdriver.deploy.session import Session
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam.trust_state import TrustKind, Unreadable
from tfdriver.interrupts import obeyed
from tfdriver.spec.compositions import Composition

_FOREIGN = (
    "No changes made. To replace it with exactly the roles the spec names, as after an edit of tfdriver.yaml, run "
    "`tfdriver up --overwrite`: it opens nothing"
)


def refuse_to_start(session: Session, *, overwrite: bool = False) -> None:
    """Raise TfdriverError where `up` may not begin: a role, its trust or a state is not managed, or cannot be read.

    overwrite: an unmanaged trust is no reason.
    """
    seen, driver = session.seen, session.driver
    refuse_unread_states(session, session.workspace.compositions)
    driver.refuse_replaced(session.states)
    refuse_unmanaged(session.workspace.compositions, seen, session.states, driver.may_adopt, creator(session.tools.aws))
    refuse_to_open_again(session.spec, seen)
    refuse_trusts(seen.states, refused_kinds(overwrite=overwrite), _FOREIGN)
    refuse_unreadable_roles(session.spec, seen)


def refuse_unread_states(session: Session, compositions: Iterable[Composition]) -> None:
    """Raise TfdriverError for the first of these compositions whose state cannot be read."""
    for composition in compositions:
        state = session.states[composition.name]
        if isinstance(state, Unreadable):
            raise TfdriverError(
                f"its state cannot be read: {state.reason}",
                code="unreadable_state",
                where=f"compositions/{composition.name}",
                hint="No changes made: what this project manages is not known without it",
            )


def check_plans(
    session: Session, compositions: Iterable[Composition], give_up: Callable[[Sequence[str]], None] | None
) -> None:
    """Plan compositions, which are prepared, and refuse what no apply may do; ask about what would be deleted.

    give_up: shown what an apply would delete or replace, raises to stop; None: nobody is asked.
    """
    absent = any(state.kind is TrustKind.ABSENT for state in session.seen.states.values())
    losses = session.driver.previews(compositions, before_phase_1=absent)
    if losses and give_up is not None:
        with obeyed():  # while a person is asked, no Terraform runs, and Ctrl-C is not to be counted
            give_up(losses)


def up(
    session: Session,
    confirm: Callable[[Overview], None],
    *,
    tighten: bool = True,
    overwrite: bool = False,
    give_up: Callable[[Sequence[str]], None] | None = None,
    prove: Callable[[Session], Verified] | None = None,
) -> RunResult:
    """Run the phases that AWS says are still to be run.

    confirm: shown the overview, raises to stop; overwrite: also replace, in phase 3, a trust policy that tfdriver did
    not write; give_up: shown what would be deleted, raises to stop, None for not looking; prove: verifies it at the
    end, unless the trust is still broad then; if that is interrupted or fails, the result of the phases says so.

    Raises OpenTrustError if a phase fails while a broad trust is in force.
    """
    refuse_to_start(session, overwrite=overwrite)
    compositions = session.workspace.compositions
    confirm(session.overview("up"))
    with session.tools.interrupts.listening():
        with session.at_work() as driver:
            driver.prepare(compositions)
            check_plans(session, compositions, give_up)
            steps = [*driver.open(session.seen, overwrite=overwrite), *driver.connect()]
            if tighten:
                steps += driver.tighten(overwrite=overwrite)
            done = run_result(driver, steps, session.seen)
        if prove is None or done.exit_code is not Exit.DONE:
            return done
        try:
            verified = prove(session)
        except TfdriverError as error:  # the phases are done all the same
            return replace(done, not_verified=str(error).rstrip("."), exit_code=Exit.FAILED)
    return replace(done, verified=verified, exit_code=verified.exit_code)
