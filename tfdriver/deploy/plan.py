"""`tfdriver plan`: what each phase would change."""

from __future__ import annotations

from dataclasses import dataclass

from tfdriver.deploy.overview import Overview
from tfdriver.deploy.session import Session
from tfdriver.deploy.up import refuse_to_start
from tfdriver.iam import trust_state
from tfdriver.iam.trust_state import Phase, TrustKind
from tfdriver.iam.wording import role_in_account
from tfdriver.project import tfvars
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.events import TerraformOutcome


@dataclass(frozen=True)
class PlannedChange:
    """One planned change. action: `create`, `update`, `delete`..., as Terraform says; address: the resource's."""

    action: str
    address: str


@dataclass(frozen=True)
class PhasePlan:
    """What one phase would change in one composition."""

    phase: str
    composition: str
    changes: tuple[PlannedChange, ...]


@dataclass(frozen=True)
class Planned:
    """What `up` would do now. overview: who is who and who would be trusted in each phase."""

    overview: Overview
    phases: tuple[PhasePlan, ...]

    @property
    def differences(self) -> bool:
        """Whether any phase would change anything."""
        return any(phase.changes for phase in self.phases)


def plan(session: Session, *, overwrite: bool = False) -> Planned:
    """Return what each phase of `up` would change. Writes the compositions, changes nothing in AWS.

    overwrite: as for `up`. Raises TfdriverError where `up` would refuse to begin, before anything is written.
    """
    refuse_to_start(session, overwrite=overwrite)
    driver, workspace = session.driver, session.workspace
    with session.at_work(stopped="No changes made"):
        driver.prepare(workspace.compositions)
        absent = {key for key, state in session.seen.states.items() if state.kind is TrustKind.ABSENT}
        new = [c for c in workspace.compositions if any(role.key in absent for role in c.roles)]
        phases = [_opening(session, c) for c in new]
        for side, phase in ((Side.TRUSTED, Phase.CONNECT), (Side.TRUSTING, Phase.TIGHTEN)):
            for composition in workspace.compositions:
                if composition.side is side:
                    planned = (
                        _pinning(session, composition) if composition in new else _changes(driver.preview(composition))
                    )
                    phases.append(PhasePlan(phase, composition.name, planned))
    return Planned(session.overview("plan"), tuple(phases))


def _opening(session: Session, composition: Composition) -> PhasePlan:
    """Plan phase 1 with its own values, leaving those in the composition's folder alone."""
    opening = tfvars.opening(session.spec, composition, session.seen, session.driver.now())
    return PhasePlan(Phase.BROAD, composition.name, _changes(session.driver.preview(composition, opening)))


def _pinning(session: Session, composition: Composition) -> tuple[PlannedChange, ...]:
    """Say what phase 3 changes after a phase 1 that only exists as a plan yet: trust policies, nothing else."""
    found = []
    for role in composition.roles:
        state, wanted = session.seen.states[role.key], session.spec.trusted_by(role)
        exact = state.settled
        if state.kind is TrustKind.ABSENT:
            opening = trust_state.opening_trust(state, wanted, session.seen.existing(), session.driver.now())
            exact = opening == trust_state.exact_trust(role, wanted)
        if not exact:
            found.append(PlannedChange("update", f"trust policy of {role_in_account(role)}"))
    return tuple(found)


def _changes(outcome: TerraformOutcome) -> tuple[PlannedChange, ...]:
    return tuple(PlannedChange(event.action, event.address) for event in outcome.planned)
