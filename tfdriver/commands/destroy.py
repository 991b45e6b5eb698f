"""`tfdriver destroy`: the trusted side first, then the trusting side, then what is left on disk."""

from __future__ import annotations

from collections.abc import Callable

from tfdriver.compositions import Side
from tfdriver.decide import Kind, TrustState
from tfdriver.errors import TfdriverError
from tfdriver.overview import Overview
from tfdriver.preflight import refuse
from tfdriver.result import RunResult, finished
from tfdriver.session import Session


def destroy(session: Session, confirm: Callable[[Overview], None]) -> RunResult:
    """Destroy everything in the compositions' states; may be run again when half done.

    Raises TfdriverError for a role that is not ours; HalfWayError if it fails while a broad trust is in force.
    """
    states = session.seen.states
    refuse(states, frozenset({Kind.UNREADABLE}), "Nothing was changed")
    for state in states.values():
        _refuse_stranger(state, session)
    compositions = session.workspace.compositions
    trusted_first = sorted(compositions, key=lambda c: c.side is Side.TRUSTING)
    todo = [c for c in trusted_first if session.workspace.has_state(c)]
    if todo:
        confirm(session.overview("destroy"))
    with session.at_work() as driver:
        driver.prepare(todo)
        steps = [driver.destroy(composition) for composition in todo]
    for composition in compositions:
        session.workspace.remove(composition)
    return finished(session.driver, steps)


def _refuse_stranger(state: TrustState, session: Session) -> None:
    if state.kind is not Kind.FOREIGN or state.live is None:
        return
    ours = state.live.tags.get("tfdriver:project") == session.spec.project
    if not ours:
        raise TfdriverError(
            f"its trust policy is not one that tfdriver wrote ({state.detail}), and its tags are not this project's",
            where=f"role {state.role.name} in {state.role.account.name}",
            hint="Nothing was changed. If it is yours, remove it by hand",
        )
