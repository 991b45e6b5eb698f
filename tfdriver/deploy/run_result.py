"""The result of `up`, `tighten` and `destroy`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tfdriver.aws.observe import Observation
from tfdriver.deploy.apply import Step
from tfdriver.deploy.open_trust import next_command, other_team, unreadable_trusts
from tfdriver.deploy.phases import Driver
from tfdriver.deploy.plan_view import Planned
from tfdriver.deploy.revocation import Revocation
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit
from tfdriver.iam import wording
from tfdriver.iam.trust_state import Phase, TrustState
from tfdriver.project.timeline import Exposure


@dataclass(frozen=True)
class StepView:
    """One apply: its phase and composition, its changes and its duration."""

    phase: str
    composition: str
    added: int
    changed: int
    removed: int
    seconds: float


@dataclass(frozen=True)
class RoleTrust:
    """A trusting role and the state of its trust policy in AWS.

    trust: absent, broad, exact...; words: the same for people.
    """

    role: str
    account: str
    arn: str
    trust: str
    words: str


@dataclass(frozen=True)
class RunResult:
    """The result of a run. in_force: the broad trusts still in force, in words, or ''; advice: how to end them, or
    what another team has to do, or ''.

    exposures: the times in which this run had a whole account trusted. verified: the result of `verify`, if it ran;
    not_verified: why `verify` did not finish, or ''. revocations: of sessions, if this run read them. planned: what was
    printed before the changes, None if nothing was planned.
    """

    exit_code: Exit
    summary: str
    steps: tuple[StepView, ...]
    roles: tuple[RoleTrust, ...]
    in_force: str = ""
    advice: str = ""
    exposures: tuple[Exposure, ...] = ()
    verified: Verified | None = None
    not_verified: str = ""
    revocations: tuple[Revocation, ...] = ()
    planned: Planned | None = None


@dataclass(frozen=True)
class Done:
    """What a run had done when it failed. steps, exposures: as in `RunResult`."""

    steps: tuple[StepView, ...]
    exposures: tuple[Exposure, ...]


def done_so_far(driver: Driver) -> Done:
    """Return what a run has done until now."""
    return Done(tuple(map(_step_view, driver.steps)), _exposures(driver, driver.steps))


def run_result(
    driver: Driver,
    steps: Iterable[Step],
    before: Observation,
    planned: Planned | None = None,
    phase: Phase | None = None,
) -> RunResult:
    """Return the result of a successful run, from the trusts in AWS now.

    before: the trusts at the start; planned: see `RunResult`; phase: the only one that ran, None for all. An unreadable
    role that may have a broad trust counts as in force.
    """
    steps = list(steps)
    now = driver.now()
    after = driver.observe()
    driver.record(after)
    unreadable = unreadable_trusts(driver.spec, before.states, after.states, now)
    in_force = "; ".join(filter(None, (wording.in_force(after.trusts, now), unreadable)))
    changed = [step for step in steps if not step.changes.none]
    summary = f"{len(changed)} of {len(steps)} applies changed something" if changed else "nothing to change"
    return RunResult(
        exit_code=Exit.OPEN_TRUST if in_force else Exit.DONE,
        summary=summary,
        steps=tuple(map(_step_view, steps)),
        roles=tuple(_role_trust(state, now) for state in after.states.values()),
        in_force=in_force,
        advice=_advice(driver, after, phase) if in_force else other_team(after, driver),
        exposures=_exposures(driver, steps),
        planned=planned,
    )


def _advice(driver: Driver, after: Observation, phase: Phase | None) -> str:
    """Return how to end the broad trusts in force."""
    later = [f"`--phase {name}`" for name in Phase if phase and list(Phase).index(name) > list(Phase).index(phase)]
    return f"Go on with {', then '.join(later)}" if later else next_command(after, driver)


def _exposures(driver: Driver, steps: Sequence[Step]) -> tuple[Exposure, ...]:
    """Return the exposures that had not ended when the first of the steps started."""
    if not steps:
        return ()
    started, now = min(step.started for step in steps), driver.now()
    return tuple(exposure for exposure in driver.exposures() if (exposure.closed or now) >= started)


def _step_view(step: Step) -> StepView:
    return StepView(
        phase=step.phase,
        composition=step.composition,
        added=step.changes.added,
        changed=step.changes.changed,
        removed=step.changes.removed,
        seconds=round(step.seconds, 1),
    )


def _role_trust(state: TrustState, now: datetime) -> RoleTrust:
    return RoleTrust(
        role=state.role.name,
        account=state.role.account.name,
        arn=state.role.arn,
        trust=str(state.kind),
        words=wording.state(state, now),
    )
