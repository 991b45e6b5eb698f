"""`tfdriver up`: the three phases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tfdriver.compositions import Composition
from tfdriver.errors import Exit, TfdriverError
from tfdriver.interrupts import obeyed
from tfdriver.observe import side_by_side
from tfdriver.overview import Overview
from tfdriver.ownership import refuse_strangers
from tfdriver.preflight import refuse, refuse_unread, unwanted
from tfdriver.result import RunResult, finished
from tfdriver.session import Session
from tfdriver.verify.model import Verified

_FOREIGN = (
    "Nothing was changed. If you edited tfdriver.yaml since (a role renamed, replaced, taken out, an external id), or "
    "if the trust is to be as the spec says whoever wrote it, run `tfdriver up --overwrite`: it opens nothing"
)


def refuse_to_start(session: Session, *, overwrite: bool = False) -> None:
    """Raise TfdriverError where `up` may not begin: a role or its trust is not ours, or AWS did not say.

    overwrite: a trust that is not ours is no reason.
    """
    refuse_strangers(session.workspace.compositions, session.seen, session.workspace.listed_roles())
    refuse(session.seen.states, unwanted(overwrite=overwrite), _FOREIGN)
    refuse_unread(session.spec, session.seen)


def show_losses(
    session: Session, compositions: Iterable[Composition], give_up: Callable[[Sequence[str]], None] | None
) -> None:
    """Ask once more where an apply would delete or replace what these compositions, which are prepared, have made.

    give_up: shown what, raises to stop; None: nobody is asked, and nothing looked for.
    """
    if give_up is None:
        return
    applied = [c for c in compositions if session.workspace.has_state(c)]
    if lost := [loss for found in side_by_side(session.driver.losses, applied) for loss in found]:
        with obeyed():  # while a person is asked, and nothing is at work, Ctrl-C is not to be counted
            give_up(lost)


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

    Raises HalfWayError if a phase fails while a broad trust is in force.
    """
    refuse_to_start(session, overwrite=overwrite)
    compositions = session.workspace.compositions
    confirm(session.overview("up"))
    with session.tools.interrupts.listening():
        with session.at_work() as driver:
            driver.prepare(compositions)
            show_losses(session, compositions, give_up)
            steps = [*driver.open(session.seen, overwrite=overwrite), *driver.connect()]
            if tighten:
                steps += driver.tighten(overwrite=overwrite)
            done = finished(driver, steps, session.seen)
        if prove is None or done.exit_code is not Exit.DONE:
            return done
        try:
            verified = prove(session)
        except TfdriverError as error:  # the phases are done all the same
            return replace(done, not_verified=str(error).rstrip("."), exit_code=Exit.FAILED)
    return replace(done, verified=verified, exit_code=verified.exit_code)
