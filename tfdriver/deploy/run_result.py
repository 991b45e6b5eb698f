"""What a command that changes something returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tfdriver.aws.observe import Observation
from tfdriver.deploy.open_trust import unreadable_trusts
from tfdriver.deploy.phases import Driver, Step
from tfdriver.deploy.revocation import Revocation
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit
from tfdriver.iam import wording
from tfdriver.project.timeline import Exposure


@dataclass(frozen=True)
class StepView:
    """One apply: in which phase and composition, what it changed, how long it took."""

    phase: str
    composition: str
    added: int
    changed: int
    removed: int
    seconds: float


@dataclass(frozen=True)
class RoleTrust:
    """A trusting role as AWS shows it. trust: absent, broad, exact...; words: the same as a sentence."""

    role: str
    account: str
    arn: str
    trust: str
    words: str


@dataclass(frozen=True)
class RunResult:
    """What a run of up, tighten or destroy came to. in_force: the broad trusts still in force, in words, or ''.

    exposures: the times in which this run had a whole account trusted. verified: what verifying it came to, if it was;
    not_verified: why it was not to its end, or ''. revocations: sessions that are revoked, as far as this run looked.
    """

    exit_code: Exit
    summary: str
    steps: tuple[StepView, ...]
    roles: tuple[RoleTrust, ...]
    in_force: str = ""
    exposures: tuple[Exposure, ...] = ()
    verified: Verified | None = None
    not_verified: str = ""
    revocations: tuple[Revocation, ...] = ()


def run_result(driver: Driver, steps: Iterable[Step], before: Observation) -> RunResult:
    """Return the result of a run that ended well, from what AWS shows now.

    before: what it showed at the start; a role that cannot be read now and may have become broad counts as in force.
    """
    steps = list(steps)
    now = driver.now()
    seen = driver.observe()
    driver.record(seen)
    states = seen.states.values()
    unsaid = unreadable_trusts(driver.spec, before.states, seen.states, now)
    in_force = "; ".join(filter(None, (wording.in_force(seen.trusts, now), unsaid)))
    changed = [step for step in steps if not step.changes.none]
    summary = f"{len(changed)} of {len(steps)} applies changed something" if changed else "nothing to change"
    return RunResult(
        Exit.OPEN_TRUST if in_force else Exit.DONE,
        summary,
        tuple(
            StepView(s.phase, s.composition, s.changes.added, s.changes.changed, s.changes.removed, round(s.seconds, 1))
            for s in steps
        ),
        tuple(
            RoleTrust(s.role.name, s.role.account.name, s.role.arn, str(s.kind), wording.state(s, now)) for s in states
        ),
        in_force,
        tuple(e for e in driver.exposures() if steps and (e.closed or now) >= steps[0].started),
    )
