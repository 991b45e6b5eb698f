"""`tfdriver plan`: the changes of each phase."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tfdriver.deploy.overview import Overview
from tfdriver.deploy.session import Session
from tfdriver.deploy.up import check_plans, refuse_to_start
from tfdriver.deploy.work import phase_one
from tfdriver.iam import trust_state
from tfdriver.iam.trust_state import Phase, TrustKind
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.events import TerraformOutcome


@dataclass(frozen=True)
class PlannedChange:
    """One planned change. action: Terraform's, e.g. `create`; address: the resource's."""

    action: str
    address: str


@dataclass(frozen=True)
class PhasePlan:
    """The changes of one phase in one composition."""

    phase: str
    composition: str
    changes: tuple[PlannedChange, ...]


@dataclass(frozen=True)
class Planned:
    """The plan of `up`. overview: see `Overview`."""

    overview: Overview
    phases: tuple[PhasePlan, ...]

    @property
    def differences(self) -> bool:
        """Whether any phase has changes."""
        return any(phase.changes for phase in self.phases)


def plan(session: Session, *, overwrite: bool = False) -> Planned:
    """Return the changes of each phase of `up`. Writes the compositions, changes nothing in AWS.

    overwrite: as for `up`. Raises TfdriverError, as `up` does, before it writes anything.
    """
    refuse_to_start(session, overwrite=overwrite)
    driver, workspace = session.driver, session.workspace
    with session.run(stopped="No changes made"):
        driver.prepare(workspace.compositions)
        opened = {c.name for c in phase_one(session.spec, workspace.compositions, session.observed).open}

        check_plans(session, workspace.compositions, None, opened)
        phases = [phase for c in workspace.compositions for phase in _phases(session, c, opened)]
    order = list(Phase)
    return Planned(session.overview("plan"), tuple(sorted(phases, key=lambda p: order.index(Phase(p.phase)))))


def _phases(session: Session, composition: Composition, opened: Collection[str]) -> Iterator[PhasePlan]:
    name = composition.name
    plan = session.driver.plans.of(composition)
    changes = _changes(plan.saved.outcome) if plan else (PlannedChange("unknown", "until phase 1 is applied"),)
    if name in opened:
        yield PhasePlan(Phase.BROAD, name, changes)
        yield PhasePlan(Phase.TIGHTEN, name, _tightening(session, composition))
    else:
        yield PhasePlan(Phase.CONNECT if composition.side is Side.TRUSTED else Phase.TIGHTEN, name, changes)


def _tightening(session: Session, composition: Composition) -> tuple[PlannedChange, ...]:
    """Return the changes of phase 3 after a phase 1 that is only planned: only trust policies change."""
    changes = []
    for role in composition.roles:
        state, wanted = session.observed.states[role.key], session.spec.trusted_by(role)
        exact = state.settled
        if state.kind is TrustKind.ABSENT:
            opening = trust_state.opening_trust(state, wanted, session.observed.existing(), session.driver.now())
            exact = opening == trust_state.exact_trust(role, wanted)
        if not exact:
            changes.append(PlannedChange("update", f"trust policy of {role_in_account(role)}"))
    return tuple(changes)


def _changes(outcome: TerraformOutcome) -> tuple[PlannedChange, ...]:
    return tuple(PlannedChange(event.action, event.address) for event in outcome.planned)
