"""Runs the phases in order: open, connect, tighten, revoke, destroy. Checks the result of each in AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from tfdriver.aws.calls import Calls
from tfdriver.aws.consistency import LIMIT, wait_for_roles, wait_until_settled
from tfdriver.aws.identity import IdentityReader, check_identities
from tfdriver.aws.observe import Observation, RoleReader
from tfdriver.clock import Clock
from tfdriver.deploy import revocation
from tfdriver.deploy.adopt import Adopter
from tfdriver.deploy.apply import Applier, Step, refuse_other_arns
from tfdriver.deploy.ownership import States, has_tags, refuse_to_open_again
from tfdriver.deploy.preflight import refuse_trusts, refuse_unreadable_roles, refused_kinds
from tfdriver.deploy.previews import Previews
from tfdriver.deploy.project_roles import ProjectRoles
from tfdriver.deploy.revocation import Revocation
from tfdriver.deploy.roots import Roots
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import Phase, TrustKind
from tfdriver.iam.wording import role_in_account
from tfdriver.project import crash_recovery, tfvars
from tfdriver.project.timeline import Exposure, Timeline, exposures
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Account, Role, Spec
from tfdriver.terraform.progress import Progress
from tfdriver.terraform.runner import Settings
from tfdriver.waiting import Waiting


class DriverAws(RoleReader, IdentityReader, Calls, Protocol):
    """The AWS of a driver; implemented by `aws.Aws`."""


_OVERWRITE = (
    "Completed changes are kept. Run `tfdriver tighten --overwrite` to replace the trust policy with exactly the roles "
    "the spec names"
)
# How long IAM may take to accept an unreadable role as a principal. The provider retries for two minutes, but IAM
# accepts a role at once that has existed for a while.
_UNREADABLE_SECONDS = 30.0


@dataclass(frozen=True)
class RunScope:
    """The limits of a run. accounts: those whose profiles are checked; reader: reads roles.

    states: reads the compositions' current states; interrupted: names of compositions in which a run was interrupted,
    so that orphaned resources may be adopted; adopt: whether they may be adopted everywhere; others: trusting roles
    that exist under other names than in the spec.
    """

    accounts: tuple[Account, ...]
    reader: RoleReader
    states: Callable[[Iterable[Composition]], States]
    interrupted: frozenset[str] = frozenset()
    adopt: bool = False
    others: tuple[Role, ...] = ()

    def may_adopt(self, composition: Composition) -> bool:
        """Whether the run may adopt orphaned resources of the composition."""
        return self.adopt or composition.name in self.interrupted


class Driver:
    """Drives Terraform through a project's compositions, one driver per run. It decides only from the roles in AWS."""

    def __init__(
        self,
        *,
        roots: Roots,
        roles: ProjectRoles,
        adopter: Adopter,
        previews: Previews,
        applier: Applier,
        aws: DriverAws,
        timeline: Timeline,
        scope: RunScope,
    ) -> None:
        self._roots = roots
        self._workspace = roots.workspace
        self._clock = roots.clock
        self._aws = aws
        self._adopter = adopter
        self._applier = applier
        self._timeline = timeline
        self._scope = scope
        self.roles = roles
        self.previews = previews
        retry = f"  IAM is eventually consistent; retrying for up to {LIMIT:g} s"
        self._waiting = Waiting(
            LIMIT,
            roots.clock,
            roots.settings.interrupts.check,
            lambda problem: roots.progress.note(f"{retry}: {problem}"),
        )

    @property
    def spec(self) -> Spec:
        """The spec of the project."""
        return self._workspace.spec

    def observe(self) -> Observation:
        """Return the roles in AWS now."""
        return self.roles.observe()

    def may_adopt(self, composition: Composition) -> bool:
        """Whether this run may adopt orphaned resources of the composition."""
        return self._scope.may_adopt(composition)

    def record(self, observation: Observation) -> None:
        """Record trust changes that are missing from the timeline, except of unmanaged roles.

        Must not be called while Terraform runs.
        """
        for composition in self._side(Side.TRUSTING):
            states = (observation.states[role.key] for role in composition.roles)
            managed = (s for s in states if s.live is None or has_tags(s.live.tags, composition))
            self._timeline.record_missing(managed, self._clock.now())

    def exposures(self) -> list[Exposure]:
        """Return the recorded exposures, oldest first."""
        return exposures(self._timeline.changes(), self._clock.now())

    def now(self) -> datetime:
        """Return the UTC time."""
        return self._clock.now()

    def prepare(self, compositions: Iterable[Composition], *, to_destroy: bool = False) -> None:
        """Repair broken states, write the compositions with their final values, initialize them, push unsaved states.

        to_destroy: whether to skip reading revocations: destroy deletes them, and the operator may not be allowed to
        read them.
        """
        compositions = list(compositions)
        for composition in compositions:
            self._note_any(self._workspace.repair(composition, self._clock.now()))
            self._workspace.write(composition, None if to_destroy else self._final(composition))
        self._roots.init(compositions)
        for composition in compositions:
            push = self._roots.root(composition).push_state
            self._note_any(crash_recovery.push_errored(self._workspace.path(composition), push, self._clock.now()))

    def open(self, observation: Observation, *, overwrite: bool = False) -> list[Step]:
        """Phase 1: create the absent trusting roles. Existing roles keep their trust.

        overwrite: whether to accept an unmanaged trust.
        """
        absent = {key for key, state in observation.states.items() if state.kind is TrustKind.ABSENT}
        todo = [c for c in self._side(Side.TRUSTING) if any(role.key in absent for role in c.roles)]
        if not todo:
            return []
        existing, new = observation.existing(), [role for c in todo for role in c.roles if role.key in absent]
        exact = all(any(trusted.arn in existing for trusted in self.spec.trusted_by(role)) for role in new)
        self._roots.progress.phase(f"phase 1, {'exact at once' if exact else 'broad'}: create the trusting roles")
        try:
            steps = self._applier.apply(Phase.BROAD, todo, partial(self._opening, overwrite=overwrite))
        finally:
            for composition in todo:
                self._close(composition)
        refuse_other_arns(steps, todo, "roles_to_be_assumed")
        return steps

    def connect(self, confirm_deletions: Callable[[Sequence[str]], None] | None = None) -> list[Step]:
        """Phase 2: apply the trusted side. Its roles may assume exactly their trusting roles.

        confirm_deletions: see `up.check_plans`; called for compositions that could not be planned before phase 1.
        """
        self._roots.progress.phase("phase 2, connect: create the trusted roles and the resources that use them")
        live = wait_for_roles(self.spec.trusting, self._aws, self._waiting)
        trusted = self._side(Side.TRUSTED)
        self.previews.confirm((c for c in trusted if c.name in self.previews.postponed), confirm_deletions)
        arns = {key: role.arn for key, role in live.items()}
        steps = self._applier.apply(Phase.CONNECT, trusted, lambda c, *_: tfvars.final(self.spec, c, arns))
        refuse_other_arns(steps, trusted, "roles_which_will_assume")
        return steps

    def tighten(
        self,
        compositions: Iterable[Composition] | None = None,
        *,
        overwrite: bool = False,
        unreadable: Collection[str] = (),
    ) -> list[Step]:
        """Phase 3: trust exactly the trusted roles. Returns once IAM has returned these trusts twice in a row.

        overwrite: replace an unmanaged trust policy, e.g. one that was edited during phase 2. unreadable: keys of
        trusted roles that cannot be read: IAM checks whether they exist, within half a minute.
        """
        todo = list(self._side(Side.TRUSTING) if compositions is None else compositions)
        self._roots.progress.phase("phase 3, tighten: trust exactly the trusted roles")
        keys = [role.key for composition in todo for role in composition.roles]
        wanted = {r.key: r for key in keys for r in self.spec.trusted_by(self.spec.roles[key])}
        wait_for_roles((r for r in wanted.values() if r.key not in unreadable), self._scope.reader, self._waiting)
        states = self.observe().states
        refuse_trusts({key: states[key] for key in keys}, refused_kinds(overwrite=overwrite), _OVERWRITE)
        settings = self._limited(todo) if unreadable else None
        steps = self._applier.apply(Phase.TIGHTEN, todo, lambda c, *_: self._final(c), settings)
        wait_until_settled(keys, lambda: self.observe().states, self._waiting)
        # IAM binds a trust to the unique ids that these names have when the policy is saved.
        self.roles.observe_managed(
            "A trust may already name this role: delete it and run `tfdriver up`, or run `tfdriver destroy`"
        )
        return steps

    def _limited(self, compositions: Iterable[Composition]) -> Settings | None:
        """Return settings with a timeout for IAM to accept unreadable roles, on top of the time for a refresh.

        None if an apply changes more than roles, which may take longer.
        """
        plan_seconds = self.previews.seconds_if_only_roles(compositions)
        if plan_seconds is None:
            return None
        settings = self._roots.settings
        seconds = round(_UNREADABLE_SECONDS + settings.lock_timeout + 2 * plan_seconds)
        return replace(settings, timeout=min(settings.timeout or seconds, seconds))

    def revocations(self, compositions: Iterable[Composition]) -> dict[str, Revocation]:
        """Return the revocations in IAM, by role key, of the trusting compositions among these."""
        trusting = (c for c in compositions if c.side is Side.TRUSTING)
        return revocation.read_revocations((role for c in trusting for role in c.roles), self._aws)

    def revoke(self, compositions: Iterable[Composition]) -> list[Step]:
        """Revoke all sessions of these compositions' roles that were issued before now."""
        todo = list(compositions)
        self._roots.progress.phase("revoke the sessions issued before now")
        roles = [role for composition in todo for role in composition.roles]
        text = revocation.stamp(self._clock.now())
        times = {role.key: text for role in roles}
        steps = self._applier.apply(Phase.TIGHTEN, todo, lambda c, *_: tfvars.final(self.spec, c, revoke_before=times))
        revocation.wait_until_revoked(roles, text, self._aws, self._waiting)
        return steps

    def adopt(self, composition: Composition) -> None:
        """Adopt all orphaned resources of a composition, to destroy them."""
        check_identities(self.spec, self._aws, [composition.account])
        self._adopter.for_destroy(composition, tfvars.final(self.spec, composition))

    def destroy(self, composition: Composition) -> Step:
        """Destroy all resources in the state of a composition. Raises TfdriverError for a replaced role."""
        check_identities(self.spec, self._aws, [composition.account])
        self.roles.refuse_replaced_in(composition)
        return self._applier.run("destroy", composition, tfvars.final(self.spec, composition))

    def _side(self, side: Side) -> list[Composition]:
        return [c for c in self._workspace.compositions if c.side is side]

    def _close(self, composition: Composition) -> None:
        """Write the final values again: applying the values of phase 1 by hand would widen an exact trust.

        Does not call AWS and ignores errors: the next run writes the values anyway, and the disk may be full.
        """
        with suppress(TfdriverError):
            self._workspace.write(composition, self._workspace.final(composition, self._clock.now()))

    def _final(self, composition: Composition) -> dict[str, Any]:
        """Return the final values, with the revocations that are still needed."""
        return tfvars.final(self.spec, composition, revoke_before=self._revoked(composition))

    def _revoked(self, composition: Composition) -> dict[str, str]:
        return revocation.revocations_in_force(self.revocations([composition]), self._clock.now())

    def _note_any(self, text: str) -> None:
        if text:
            self._roots.progress.note(text)

    def _opening(
        self, composition: Composition, observation: Observation, existing: frozenset[str], *, overwrite: bool
    ) -> dict[str, Any]:
        """Return the values of phase 1. existing: names of roles that exist for certain."""
        states = {role.key: observation.states[role.key] for role in composition.roles}
        refuse_trusts(states, refused_kinds(overwrite=overwrite), "Completed changes are kept. Run `tfdriver status`")
        refuse_unreadable_roles(self.spec, observation)
        refuse_to_open_again(self.spec, observation)
        for state in states.values():
            if state.kind is TrustKind.ABSENT and state.role.name in existing:
                raise TfdriverError(
                    "IAM returned inconsistent results for this role",
                    code="iam_not_consistent",
                    where=role_in_account(state.role),
                    hint="Run the same command again",
                )
        return tfvars.opening(self.spec, composition, observation, self._clock.now(), self._revoked(composition))


def make_driver(
    workspace: Workspace,
    aws: DriverAws,
    terraform: Settings,
    progress: Progress,
    timeline: Timeline,
    clock: Clock,
    scope: RunScope,
) -> Driver:
    """Return a driver with its collaborators. terraform: settings of its commands."""
    roots = Roots(workspace, terraform, progress, clock)
    roles = ProjectRoles(workspace, scope.reader, scope.states, scope.others)
    adopter = Adopter(workspace, aws, progress.note, roots.root, terraform.interrupts.check)
    applier = Applier(
        roots=roots,
        roles=roles,
        adopter=adopter,
        timeline=timeline,
        check_accounts=partial(check_identities, workspace.spec, aws, scope.accounts),
        to_adopt=[c.name for c in workspace.compositions if scope.may_adopt(c)],
    )
    return Driver(
        roots=roots,
        roles=roles,
        adopter=adopter,
        previews=Previews(roots, adopter, scope.may_adopt),
        applier=applier,
        aws=aws,
        timeline=timeline,
        scope=scope,
    )
