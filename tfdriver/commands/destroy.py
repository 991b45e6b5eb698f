"""`tfdriver destroy`: the trusted side first, then the trusting side, then what is left on disk."""

from __future__ import annotations

from collections.abc import Callable

from tfdriver import guests
from tfdriver.compositions import Composition, Side
from tfdriver.decide import Kind, TrustState
from tfdriver.errors import TfdriverError
from tfdriver.observe import Observation
from tfdriver.overview import Overview
from tfdriver.ownership import Listed, is_ours, unlisted
from tfdriver.preflight import refuse
from tfdriver.result import RunResult, finished
from tfdriver.session import Session


def destroy(session: Session, confirm: Callable[[Overview], None]) -> RunResult:
    """Destroy everything in the compositions' states, and what a crash left in none; may be run again when half done.

    Raises TfdriverError for a role that is not ours, or has policies of somebody else; HalfWayError if it fails while a
    broad trust is in force.
    """
    states = session.seen.states
    refuse(states, frozenset({Kind.UNREADABLE}), "Nothing was changed")
    workspace, compositions = session.workspace, session.workspace.compositions
    listed = workspace.listed_roles()
    _refuse_strangers(session, listed)
    unsure = {c.name for c in compositions if workspace.unsure(c) or _has_stray_role(c, session.seen, listed)}
    trusted_first = sorted(compositions, key=lambda c: c.side is Side.TRUSTING)
    todo = [c for c in trusted_first if workspace.has_state(c) or c.name in unsure]
    for composition in (c for c in todo if c.name not in unsure):
        if found := workspace.local_state(composition):
            guests.refuse(composition, found, session.tools.aws)
    if todo:
        confirm(session.overview("destroy"))
    with session.at_work() as driver:
        driver.prepare(todo, to_destroy=True)
        steps = [driver.destroy(composition, find_strays=composition.name in unsure) for composition in todo]
        for composition in compositions:
            workspace.remove(composition)
        return finished(driver, steps, session.seen)


def _refuse_strangers(session: Session, listed: Listed) -> None:
    """Refuse a trusting role that a state lists, but that somebody else has made his own. Others are left alone."""
    for composition in session.workspace.compositions:
        elsewhere = {role.key for role, _ in unlisted(composition, session.seen, listed)}
        for state in (session.seen.states.get(role.key) for role in composition.roles):
            if state is not None and state.role.key not in elsewhere:
                _refuse_stranger(state, composition)


def _refuse_stranger(state: TrustState, composition: Composition) -> None:
    if state.kind is not Kind.FOREIGN or state.live is None or is_ours(state.live.tags, composition):
        return
    raise TfdriverError(
        f"its trust policy is not one that tfdriver wrote ({state.detail}), and its tags are not this project's",
        where=f"role {state.role.name} in {state.role.account.name}",
        hint="Nothing was changed. If it is yours, remove it by hand",
    )


def _has_stray_role(composition: Composition, seen: Observation, listed: Listed) -> bool:
    return any(is_ours(found.tags, composition) for _, found in unlisted(composition, seen, listed))
