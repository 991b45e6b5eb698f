"""`tfdriver up`: the three phases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tfdriver.decide import Kind
from tfdriver.errors import Exit, TfdriverError
from tfdriver.overview import Overview
from tfdriver.ownership import refuse_strangers
from tfdriver.preflight import refuse, refuse_unread
from tfdriver.result import RunResult, finished
from tfdriver.session import Session
from tfdriver.verify.model import Verified

_FOREIGN = (
    "Nothing was changed. Look at the role with `aws iam get-role`; if it is to be as the spec says, "
    "run `tfdriver tighten --overwrite`, which replaces it by these roles, with the spec's external id if it has one"
)


def refuse_to_start(session: Session) -> None:
    """Raise TfdriverError where `up` may not begin: a role or its trust is not ours, or AWS did not say."""
    refuse_strangers(session.workspace.compositions, session.seen, session.workspace.listed_roles())
    refuse(session.seen.states, frozenset({Kind.FOREIGN, Kind.UNREADABLE}), _FOREIGN)
    refuse_unread(session.spec, session.seen)


def up(
    session: Session,
    confirm: Callable[[Overview], None],
    *,
    tighten: bool = True,
    prove: Callable[[Session], Verified] | None = None,
) -> RunResult:
    """Run the phases that AWS says are still to be run.

    confirm: shown the overview, raises to stop; prove: verifies it at the end, unless the trust is still broad then; if
    that is interrupted or fails, the result of the phases says so. Raises HalfWayError if a phase fails while a broad
    trust is in force.
    """
    refuse_to_start(session)
    compositions = session.workspace.compositions
    confirm(session.overview("up"))
    with session.tools.interrupts.listening():
        with session.at_work() as driver:
            driver.prepare(compositions)
            steps = [*driver.open(session.seen), *driver.connect()]
            if tighten:
                steps += driver.tighten()
            done = finished(driver, steps, session.seen)
        if prove is None or done.exit_code is not Exit.DONE:
            return done
        try:
            verified = prove(session)
        except TfdriverError as error:  # the phases are done all the same
            return replace(done, not_verified=str(error).rstrip("."), exit_code=Exit.FAILED)
    return replace(done, verified=verified, exit_code=verified.exit_code)
