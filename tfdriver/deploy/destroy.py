"""`tfdriver destroy`: the trusted side first, then the trusting side, then the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tfdriver.aws.cloudtrail import creator
from tfdriver.deploy import attached_policies
from tfdriver.deploy.give_back import to_give_back
from tfdriver.deploy.ownership import Owner, has_tags, owners, refuse_unmanaged, where
from tfdriver.deploy.preflight import refuse_trusts
from tfdriver.deploy.preview import Confirm, confirm_plans, preview_of_destroy
from tfdriver.deploy.run_result import RunResult, run_result
from tfdriver.deploy.session import Session
from tfdriver.deploy.up import refuse_unreadable_states
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import TrustKind, Unreadable
from tfdriver.iam.wording import replacing
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.state import State


def destroy(session: Session, confirm: Confirm, *, keep_going: bool = False) -> RunResult:
    """Destroy all resources in the compositions' states, and orphaned resources of an interrupted run.

    confirm: see `preview.Confirm`; keep_going: after an error, go on with the compositions that do not depend on the
    failed one.

    Can be repeated after a failure. Does not change unmanaged roles. Raises TfdriverError for a role that was replaced,
    has unmanaged policies or may not be adopted; OpenTrustError if it fails while a broad trust is in force.
    """
    refuse_trusts(session.observed.states, frozenset({TrustKind.UNREADABLE}), "No changes made")
    workspace, compositions = session.workspace, session.workspace.compositions
    refuse_unreadable_states(session, compositions)
    found = owners(compositions, session.observed, session.states)
    _refuse_unmanaged(session, found)
    trusted_first = sorted(compositions, key=lambda c: c.side is Side.TRUSTING)
    to_adopt = [c for c in trusted_first if _may_have_orphans(session, c, found)]
    kept = [c for c in trusted_first if to_give_back(c, session.states[c.name], session.observed)]
    todo = [c for c in trusted_first if _lists_resources(session, c) or c in to_adopt or c in kept]
    for composition in (c for c in todo if c not in to_adopt):
        _refuse_policies(session, composition, session.states[composition.name])
    with session.run() as driver:
        driver.prepare(todo, to_destroy=True)
        orphans = driver.find_orphans(to_adopt)
        driver.plan_to_destroy(c for c in todo if c not in kept)
        planned = preview_of_destroy(session, todo, orphans, kept)
        if todo:
            confirm_plans(session, confirm, planned)
        driver.adopt(orphans)
        for composition in to_adopt:
            _refuse_policies(session, composition, session.read_state(composition), imported=True)
        driver.give_back(kept)  # first: it closes their trusts, and needs the roles that their statements name
        steps = driver.destroy(todo, keep_going=keep_going)
        for composition in compositions:
            workspace.remove(composition)
        done = run_result(driver, steps, session.observed, planned)
        # `tfdriver status` lists the exposures. What other teams have to do is for a run that creates roles.
        return replace(done, exposures=(), advice=done.advice if done.in_force else "")


def _may_have_orphans(session: Session, composition: Composition, found: Mapping[str, Owner]) -> bool:
    """Whether a composition may have orphaned resources to destroy."""
    return session.driver.may_adopt(composition) or any(found.get(role.key) is Owner.TAGS for role in composition.roles)


def _lists_resources(session: Session, composition: Composition) -> bool:
    state = session.states[composition.name]
    return isinstance(state, State) and bool(state.managed)


def _refuse_policies(
    session: Session, composition: Composition, state: State | Unreadable | None, *, imported: bool = False
) -> None:
    if isinstance(state, State):
        attached_policies.refuse_unmanaged_policies(composition, state, session.tools.aws, imported=imported)


def _refuse_unmanaged(session: Session, found: Mapping[str, Owner]) -> None:
    """Refuse replaced roles, and roles that may not be adopted. Other unmanaged roles stay unchanged."""
    compositions, observed, states = session.workspace.compositions, session.observed, session.states
    session.driver.roles.refuse_replaced(states)
    managed = [
        replace(c, roles=tuple(r for r in c.roles if found.get(r.key) is not Owner.UNMANAGED)) for c in compositions
    ]
    refuse_unmanaged(managed, observed, states, session.driver.may_adopt, creator(session.tools.aws))
    for composition in managed:
        for role in composition.roles:
            state = observed.states.get(role.key)
            if state is None or state.kind is not TrustKind.UNMANAGED or state.live is None:
                continue
            if role.existing and found[role.key] is not Owner.STATE:  # nothing was changed yet
                continue
            if not has_tags(state.live.tags, composition):
                delete = "If the role is this project's, delete it by hand"
                raise TfdriverError(
                    f"its trust policy is unmanaged ({state.detail})"
                    + ("" if role.existing else ", and it does not have this project's tags"),
                    code="unmanaged_trust",
                    where=where(role),
                    hint=f"No changes made. {replacing(role) if role.existing else delete}",
                )
