"""`tfdriver tighten`: phase 3 alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tfdriver.commands.up import show_losses
from tfdriver.compositions import Composition, Side
from tfdriver.decide import Kind, LiveRole
from tfdriver.errors import TfdriverError
from tfdriver.overview import Overview
from tfdriver.ownership import refuse_strangers
from tfdriver.preflight import refuse, unwanted
from tfdriver.result import RunResult, finished
from tfdriver.revoke import in_force
from tfdriver.session import Session

_FOREIGN = (
    "Nothing was changed. Look at the role with `aws iam get-role`; to replace its trust policy by exactly the roles "
    "the spec names, run `tfdriver tighten --overwrite`, or `tfdriver up --overwrite` if tfdriver.yaml was edited since"
)


def tighten(
    session: Session,
    confirm: Callable[[Overview], None],
    *,
    overwrite: bool = False,
    revoke_sessions: bool = False,
    give_up: Callable[[Sequence[str]], None] | None = None,
) -> RunResult:
    """Trust exactly the trusted roles, wherever AWS does not show that already.

    overwrite: also replace a trust policy that tfdriver did not write; revoke_sessions: then also end what sessions of
    the trusting roles there are; give_up: as for `up`. The policy of an earlier revocation goes once it has served.

    Raises TfdriverError if a role to trust, or to trust it with, does not exist; HalfWayError if it fails while a broad
    trust is in force.
    """
    states = session.seen.states
    refuse(states, frozenset({Kind.ABSENT}), "There is nothing to tighten; run `tfdriver up` first")
    refuse_strangers(session.workspace.compositions, session.seen, session.workspace.listed_roles())
    refuse(states, unwanted(overwrite=overwrite), _FOREIGN)
    trusting = [c for c in session.workspace.compositions if c.side is Side.TRUSTING]
    served = _with_served_revocation(trusting, session)
    todo = [c for c in trusting if c in served or not all(states[role.key].settled for role in c.roles)]
    if not todo and not revoke_sessions:
        return finished(session.driver, [], session.seen)
    _check_trusted(session, todo)
    action = "tighten, and end all sessions handed out so far" if revoke_sessions else "tighten"
    confirm(replace(session.overview("tighten"), action=action))
    with session.at_work() as driver:
        prepared = trusting if revoke_sessions else todo
        driver.prepare(prepared)
        show_losses(session, prepared, give_up)
        steps = driver.tighten(todo, overwrite=overwrite) if todo else []
        if revoke_sessions:
            steps += driver.revoke(trusting)
        done = finished(driver, steps, session.seen)
        return replace(done, revocations=tuple(driver.revocations(trusting).values()))


def _with_served_revocation(compositions: list[Composition], session: Session) -> list[Composition]:
    """Return the compositions that hold a policy for sessions which have all ended by now."""
    found = session.driver.revocations(compositions)
    served = set(found) - set(in_force(found, session.driver.now()))
    return [c for c in compositions if served & {role.key for role in c.roles}]


def _check_trusted(session: Session, compositions: list[Composition]) -> None:
    """Refuse at once where Terraform would retry "Invalid principal" for two minutes."""
    for composition in compositions:
        for trusting in composition.roles:
            for role in session.spec.trusted_by(trusting):
                if not isinstance(session.seen.trusted[role.key], LiveRole):
                    raise TfdriverError(
                        f"{trusting.name} cannot be tightened to it: it does not exist, or cannot be read",
                        where=f"role {role.name} in {role.account.name}",
                        hint="Run `tfdriver up --overwrite`, which creates it and then replaces the trust"
                        if session.seen.states[trusting.key].kind is Kind.FOREIGN
                        else "Run `tfdriver up`, which creates it",
                    )
