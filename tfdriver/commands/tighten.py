"""`tfdriver tighten`: phase 3 alone."""

from __future__ import annotations

from collections.abc import Callable

from tfdriver.compositions import Composition, Side
from tfdriver.decide import Kind, LiveRole
from tfdriver.errors import TfdriverError
from tfdriver.overview import Overview
from tfdriver.ownership import refuse_strangers
from tfdriver.preflight import refuse
from tfdriver.result import RunResult, finished
from tfdriver.session import Session

_FOREIGN = (
    "Nothing was changed. Look at the role with `aws iam get-role`; to replace its trust policy by exactly the roles "
    "the spec names, run `tfdriver tighten --overwrite`"
)


def tighten(session: Session, confirm: Callable[[Overview], None], *, overwrite: bool = False) -> RunResult:
    """Trust exactly the trusted roles, wherever AWS does not show that already.

    overwrite: also replace a trust policy that tfdriver did not write. Raises TfdriverError if a role to trust, or to
    trust it with, does not exist; HalfWayError if it fails while a broad trust is in force.
    """
    states = session.seen.states
    refuse(states, frozenset({Kind.ABSENT}), "There is nothing to tighten; run `tfdriver up` first")
    refuse_strangers(session.workspace.compositions, session.seen, session.workspace.listed_roles())
    refuse(states, frozenset({Kind.UNREADABLE} if overwrite else {Kind.UNREADABLE, Kind.FOREIGN}), _FOREIGN)
    todo = [c for c in session.workspace.compositions if _to_tighten(c, session)]
    if not todo:
        return finished(session.driver, [])
    _check_trusted(session, todo)
    confirm(session.overview("tighten"))
    with session.at_work() as driver:
        driver.prepare(todo)
        steps = driver.tighten(todo)
    return finished(session.driver, steps)


def _to_tighten(composition: Composition, session: Session) -> bool:
    states = session.seen.states
    return composition.side is Side.TRUSTING and not all(states[role.key].settled for role in composition.roles)


def _check_trusted(session: Session, compositions: list[Composition]) -> None:
    """Refuse at once where Terraform would retry "Invalid principal" for two minutes."""
    for composition in compositions:
        for trusting in composition.roles:
            for role in session.spec.trusted_by(trusting):
                if not isinstance(session.seen.trusted[role.key], LiveRole):
                    raise TfdriverError(
                        f"{trusting.name} cannot be tightened to it: it does not exist, or cannot be read",
                        where=f"role {role.name} in {role.account.name}",
                        hint="Run `tfdriver up`, which creates it",
                    )
