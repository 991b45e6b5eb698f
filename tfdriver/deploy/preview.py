"""What a run is going to change, from its checked plans: for `plan`, and before `up`, `tighten` and `destroy` ask."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tfdriver.deploy.give_back import planned_deletions, to_give_back
from tfdriver.deploy.plan_checks import role_resources
from tfdriver.deploy.plan_view import (
    TRUST_POLICY,
    PhasePlan,
    Planned,
    ResourceChange,
    counted,
    resource_changes,
    trust_change,
)
from tfdriver.deploy.plans import CheckedPlan
from tfdriver.deploy.session import Session
from tfdriver.deploy.work import PhaseOne
from tfdriver.iam import trust, trust_state
from tfdriver.iam.trust_state import Phase
from tfdriver.iam.wording import role_in_account
from tfdriver.interrupts import obeyed
from tfdriver.project.orphans import OrphanedResource
from tfdriver.redaction import changed
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Role
from tfdriver.terraform.state import State

# Prints what a run changes and asks; raises to stop. Returns whether a person decides: then nothing else is deleted.
Confirm = Callable[[Planned], bool]


def confirm_plans(session: Session, confirm: Confirm, planned: Planned) -> None:
    """Print what a run changes and ask, once. Raises TfdriverError, or KeyboardInterrupt for a signal, to stop."""
    session.tools.interrupts.check()
    with obeyed():  # no Terraform runs during the question, so Ctrl-C may stop tfdriver at once
        if confirm(planned):
            session.driver.plans.confirmed(planned.deletions)


def preview(
    session: Session,
    action: str,
    compositions: Iterable[Composition],
    first: PhaseOne | None = None,
    *,
    tightened: Collection[str] | None = None,
    phase: Phase | None = None,
    revokes: bool = False,
) -> Planned:
    """Return what the planned compositions change.

    action: as for `Session.overview`; first: what phase 1 creates; tightened: of those that phase 3 applies, None for
    all; phase: the only one that `up` runs, None for all; revokes: whether all sessions are revoked at the end.
    """
    compositions = list(compositions)
    replaced = _replaced_roles(session, compositions)
    phases = [
        found
        for composition in compositions
        for found in _phases(session, composition, first or PhaseOne(), replaced)
        if found.phase != Phase.TIGHTEN or tightened is None or found.composition in tightened
    ]
    if revokes:
        phases = [_with_revocation(found, compositions) for found in phases]
    order = list(Phase)
    return Planned(session.overview(action, phase), tuple(sorted(phases, key=lambda p: order.index(Phase(p.phase)))))


def preview_of_destroy(
    session: Session,
    compositions: Iterable[Composition],
    orphans: Mapping[str, Sequence[OrphanedResource]],
    kept: Collection[Composition] = (),
) -> Planned:
    """Return what `destroy` deletes.

    orphans: the resources to import before, by composition name; kept: the compositions whose existing roles are given
    back before, which are planned only then.
    """
    phases = []
    for composition in compositions:
        plan = session.driver.plans.of(composition)
        changes = _changes(session, plan.saved.shown) if plan else ()
        notes: tuple[str, ...] = ()
        if composition in kept:
            state = session.states[composition.name]
            changes = _changes(session, planned_deletions(composition, state))
            roles = to_give_back(composition, state, session.observed)
            notes = tuple(f"{role_in_account(r)} stays: its trust policy is put back as it was found" for r in roles)
        missing = (
            ResourceChange("delete", orphan.address, name=orphan.name, imported=orphan.import_id)
            for orphan in orphans.get(composition.name, ())
        )
        phases.append(_phase("destroy", composition, (*changes, *missing), notes=notes))
    return Planned(session.overview("destroy"), tuple(phases))


def _phases(
    session: Session, composition: Composition, first: PhaseOne, replaced: Mapping[str, str]
) -> Iterator[PhasePlan]:
    plan = session.driver.plans.of(composition)
    if plan is None:
        yield _phase(Phase.CONNECT, composition, notes=("its changes are known only after phase 1",))
        return
    outputs, changes = plan.saved.outcome.output_changes, _changes(session, plan.saved.shown)
    if composition in first.open:
        yield _phase(Phase.BROAD, composition, changes, outputs)
        roles = [role for role in composition.roles if role.key not in first.waiting]
        if roles:
            yield _phase(Phase.TIGHTEN, composition, tuple(_tightening(session, composition, plan, roles)))
        return
    gone = ((role, replaced[role.key]) for role in composition.roles if role.key in replaced)
    notes = tuple(_cut_off(role, name, session.spec.trusting_of(role)) for role, name in gone)
    if composition.side is Side.TRUSTED:
        yield _phase(Phase.CONNECT, composition, changes, outputs, notes)
        return
    again = tuple(_trusts_again(role, replaced) for role in composition.roles if replaced.keys() & set(role.trusts))
    written = any(policy.attribute == TRUST_POLICY for change in changes for policy in change.policies)
    yield _phase(Phase.TIGHTEN, composition, changes, outputs, notes if written else notes + again)


def _phase(
    phase: str,
    composition: Composition,
    changes: tuple[ResourceChange, ...] = (),
    outputs: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> PhasePlan:
    return PhasePlan(
        phase=str(phase),
        composition=composition.name,
        account=composition.account.name,
        account_id=composition.account.id,
        counts=counted(changes),
        changes=changes,
        outputs=outputs,
        notes=notes,
    )


def _changes(session: Session, shown: Mapping[str, Any]) -> tuple[ResourceChange, ...]:
    changes = resource_changes(shown, _account_names(session))
    return tuple(changed(change, session.tools.hide) for change in changes)


def _account_names(session: Session) -> dict[str, str]:
    return {account.id: account.name for account in session.spec.accounts.values()}


def _tightening(
    session: Session, composition: Composition, plan: CheckedPlan, roles: Iterable[Role]
) -> Iterator[ResourceChange]:
    """Yield the changes of phase 3 after a phase 1 that is only planned: only the trust policies of `roles` change."""
    for role in roles:
        before = plan.basis.values["trust_policies"][role.label]
        after = trust_state.exact_trust(role, session.spec.trusted_by(role))
        if session.observed.states[role.key].settled or trust.same_trust(before, after):
            continue
        change = trust_change(before, after, _account_names(session))
        yield ResourceChange("update", _address(session, composition, plan, role), role.name, policies=(change,))


def _address(session: Session, composition: Composition, plan: CheckedPlan, role: Role) -> str:
    """Return the address of a role that phase 1 creates or that the state lists."""
    for resource in role_resources(plan.saved.shown, role):
        if resource["change"]["after"].get("name") == role.name:
            return str(resource["address"])
    state = session.states[composition.name]
    listed = state.roles() if isinstance(state, State) else ()
    addresses = (found.address for found in listed if found.arn == role.arn)
    return next(addresses, f"trust policy of {role_in_account(role)}")


def _replaced_roles(session: Session, compositions: Iterable[Composition]) -> dict[str, str]:
    """Return the names, by key, of the trusted roles that are replaced: a trust policy does not trust the new role."""
    return {
        role.key: str(resource["change"]["before"]["name"])
        for composition in compositions
        if composition.trusted and (plan := session.driver.plans.of(composition))
        for role in composition.trusted
        for resource in role_resources(plan.saved.shown, role)
        if resource["change"]["after"].get("name") == role.name and "delete" in resource["change"]["actions"]
    }


def _cut_off(role: Role, before: str, trusting: Iterable[Role]) -> str:
    """Return the note about a trusted role that is replaced. before: its name in AWS."""
    roles = " and ".join(map(role_in_account, trusting))
    new = "a new role of this name" if before == role.name else f"role {role.name}"
    return (
        f"role {before} in {role.account.name} is replaced by {new}, which cannot assume {roles} until phase 3 is done"
    )


def _trusts_again(role: Role, replaced: Mapping[str, str]) -> str:
    """Return the note about a trusting role of a trusted role that is replaced by one of the same name."""
    trusted = " and ".join(f"role {replaced[key]}" for key in role.trusts if key in replaced)
    return f"the trust policy of {role_in_account(role)} is saved again, so that it trusts the new {trusted}"


def _with_revocation(phase: PhasePlan, compositions: Iterable[Composition]) -> PhasePlan:
    roles = [role for c in compositions if c.name == phase.composition for role in c.roles if not role.existing]
    notes = (f"all sessions of {role_in_account(role)} that were issued so far are revoked" for role in roles)
    return replace(phase, notes=(*phase.notes, *notes))
