"""Runs the phases: writes a composition's values, applies it with Terraform and checks the result in AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from tfdriver.aws.calls import Calls
from tfdriver.aws.consistency import LIMIT, wait_for_roles, wait_until_settled
from tfdriver.aws.identity import IdentityReader, check_identities
from tfdriver.aws.observe import Observation, RoleReader, observe
from tfdriver.clock import Clock
from tfdriver.concurrency import side_by_side
from tfdriver.deploy import plan_checks, revocation
from tfdriver.deploy.adopt import Adopter
from tfdriver.deploy.ownership import (
    Owner,
    States,
    has_tags,
    in_module,
    owners,
    refuse_replaced,
    refuse_to_open_again,
    refuse_unmanaged,
)
from tfdriver.deploy.preflight import refuse_trusts, refuse_unreadable_roles, refused_kinds
from tfdriver.deploy.revocation import Revocation
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.iam.trust_state import Phase, TrustKind
from tfdriver.iam.wording import role_in_account
from tfdriver.project import crash_recovery, tfvars
from tfdriver.project.orphans import existing_addresses
from tfdriver.project.timeline import Exposure, Timeline, exposures
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Account, Role, Spec
from tfdriver.terraform.events import Changes, Event, TerraformOutcome
from tfdriver.terraform.failure import TerraformError, join_diagnostics
from tfdriver.terraform.progress import Progress, report_work
from tfdriver.terraform.provider_installation import shares_cache
from tfdriver.terraform.runner import Root, Settings
from tfdriver.waiting import Waiting


class DriverAws(RoleReader, IdentityReader, Calls, Protocol):
    """The AWS of a driver; implemented by `aws.Aws`."""


# Returns the values of a composition, given the roles in AWS and the names of roles that exist for certain.
ValuesOf = Callable[[Composition, Observation, frozenset[str]], Mapping[str, Any]]
_NONE: frozenset[str] = frozenset()
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


@dataclass(frozen=True)
class Step:
    """One finished apply or destroy. phase: or `destroy`; started: UTC; seconds: its duration."""

    phase: str
    composition: str
    changes: Changes
    started: datetime
    seconds: float
    outputs: Mapping[str, Any]


class Driver:
    """Drives Terraform through a project's compositions, one driver per run. It decides only from the roles in AWS."""

    def __init__(
        self,
        workspace: Workspace,
        aws: DriverAws,
        terraform: Settings,
        progress: Progress,
        timeline: Timeline,
        clock: Clock,
        scope: RunScope,
    ) -> None:
        self._scope = scope
        self._others = {role.arn: role for role in scope.others}
        self._to_adopt = {c.name for c in workspace.compositions if scope.adopt or c.name in scope.interrupted}
        self._previews: dict[str, tuple[TerraformOutcome, float]] = {}
        self._unplanned: set[str] = set()
        self._timeline = timeline
        self._workspace = workspace
        self._aws = aws
        self._terraform = terraform
        self._progress = progress
        self._clock = clock
        retry = f"  IAM is eventually consistent; retrying for up to {LIMIT:g} s"
        self._waiting = Waiting(
            LIMIT, clock, terraform.interrupts.check, lambda problem: progress.note(f"{retry}: {problem}")
        )
        self._adopter = Adopter(workspace, aws, progress.note, self._root, terraform.interrupts.check)

    @property
    def spec(self) -> Spec:
        """The spec of the project."""
        return self._workspace.spec

    def observe(self) -> Observation:
        """Return the roles in AWS now."""
        return observe(self.spec, self._scope.reader, self._others.values())

    def may_adopt(self, composition: Composition) -> bool:
        """Whether this run may adopt orphaned resources of the composition."""
        return self._scope.adopt or composition.name in self._scope.interrupted

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
        if shares_cache(self._terraform.environment):
            for composition in compositions:
                self._init(composition)
        else:
            side_by_side(self._init, compositions)
        for composition in compositions:
            push = self._root(composition).push_state
            self._note_any(crash_recovery.push_errored(self._workspace.path(composition), push, self._clock.now()))

    def open(self, observation: Observation, *, overwrite: bool = False) -> list[Step]:
        """Phase 1: create the absent trusting roles. Existing roles keep their trust.

        overwrite: whether to accept an unmanaged trust.
        """
        absent = {key for key, state in observation.states.items() if state.kind is TrustKind.ABSENT}
        todo = [c for c in self._side(Side.TRUSTING) if any(role.key in absent for role in c.roles)]
        if not todo:
            return []
        exact = all(self._exists_any(observation, role) for c in todo for role in c.roles if role.key in absent)
        self._progress.phase(f"phase 1, {'exact at once' if exact else 'broad'}: create the trusting roles")
        try:
            steps = self._apply(Phase.BROAD, todo, partial(self._opening, overwrite=overwrite))
        finally:
            for composition in todo:
                self._close(composition)
        for step in steps:
            self._check_arns(step, "roles_to_be_assumed")
        return steps

    def _exists_any(self, observation: Observation, role: Role) -> bool:
        """Whether any role to trust exists, so that the trust is exact from the start."""
        return any(trusted.arn in observation.existing() for trusted in self.spec.trusted_by(role))

    def connect(self) -> list[Step]:
        """Phase 2: apply the trusted side. Its roles may assume exactly their trusting roles."""
        self._progress.phase("phase 2, connect: create the trusted roles and the resources that use them")
        live = wait_for_roles(self.spec.trusting, self._aws, self._waiting)
        for composition in [c for c in self._side(Side.TRUSTED) if c.name in self._unplanned]:
            self.preview(composition)
        arns = {key: role.arn for key, role in live.items()}
        steps = self._apply(Phase.CONNECT, self._side(Side.TRUSTED), lambda c, *_: tfvars.final(self.spec, c, arns))
        for step in steps:
            self._check_arns(step, "roles_which_will_assume")
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
        self._progress.phase("phase 3, tighten: trust exactly the trusted roles")
        keys = [role.key for composition in todo for role in composition.roles]
        wanted = {r.key: r for key in keys for r in self.spec.trusted_by(self.spec.roles[key])}
        wait_for_roles((r for r in wanted.values() if r.key not in unreadable), self._scope.reader, self._waiting)
        states = self.observe().states
        refuse_trusts({key: states[key] for key in keys}, refused_kinds(overwrite=overwrite), _OVERWRITE)
        settings = self._limited(todo) if unreadable else None
        steps = self._apply(Phase.TIGHTEN, todo, lambda c, *_: self._final(c), settings)
        wait_until_settled(keys, lambda: self.observe().states, self._waiting)
        # IAM binds a trust to the unique ids that these names have when the policy is saved.
        self._observe_managed(
            "A trust may already name this role: delete it and run `tfdriver up`, or run `tfdriver destroy`"
        )
        return steps

    def _limited(self, compositions: Iterable[Composition]) -> Settings | None:
        """Return settings with a timeout for IAM to accept unreadable roles, on top of the time for a refresh.

        None if an apply changes more than roles, which may take longer.
        """
        previews = [self._previews[c.name] for c in compositions if c.name in self._previews]
        if not all(event.resource_type == "aws_iam_role" for found, _ in previews for event in found.planned):
            return None
        refresh = 2 * max((seconds for _, seconds in previews), default=0.0)
        seconds = round(_UNREADABLE_SECONDS + self._terraform.lock_timeout + refresh)
        return replace(self._terraform, timeout=min(self._terraform.timeout or seconds, seconds))

    def revocations(self, compositions: Iterable[Composition]) -> dict[str, Revocation]:
        """Return the revocations in IAM, by role key, of the trusting compositions among these."""
        trusting = (c for c in compositions if c.side is Side.TRUSTING)
        return revocation.read_revocations((role for c in trusting for role in c.roles), self._aws)

    def revoke(self, compositions: Iterable[Composition]) -> list[Step]:
        """Revoke all sessions of these compositions' roles that were issued before now."""
        todo = list(compositions)
        self._progress.phase("revoke: revoking sessions issued before now")
        roles = [role for composition in todo for role in composition.roles]
        text = revocation.stamp(self._clock.now())
        times = {role.key: text for role in roles}
        steps = self._apply(Phase.TIGHTEN, todo, lambda c, *_: tfvars.final(self.spec, c, revoke_before=times))
        revocation.wait_until_revoked(roles, text, self._aws, self._waiting)
        return steps

    def adopt(self, composition: Composition) -> None:
        """Adopt all orphaned resources of a composition, to destroy them."""
        check_identities(self.spec, self._aws, [composition.account])
        self._adopter.for_destroy(composition, tfvars.final(self.spec, composition))

    def destroy(self, composition: Composition) -> Step:
        """Destroy all resources in the state of a composition. Raises TfdriverError for a replaced role."""
        check_identities(self.spec, self._aws, [composition.account])
        states = self._scope.states([composition])
        refuse_replaced([composition], states, self._scope.reader.read_role, "Completed changes are kept")
        return self._run("destroy", composition, "destroy", tfvars.final(self.spec, composition))

    def preview(self, composition: Composition, instead: Mapping[str, Any] | None = None) -> TerraformOutcome:
        """Plan and check a prepared composition; return the outcome.

        instead: values that override those in the composition's folder. Raises TfdriverError for a role under another
        name than in the spec, and for existing resources that may not be adopted.
        """
        planned: Mapping[str, Any] = {}

        def plan() -> TerraformOutcome:
            nonlocal planned
            outcome, planned = self._root(composition).preview(instead)
            return outcome

        started = self._clock.monotonic()
        outcome = self._report(composition, "plan", plan)
        self._previews[composition.name] = outcome, self._clock.monotonic() - started
        policies = (instead or tfvars.final(self.spec, composition)).get("trust_policies", {})
        trusts = {key: found for key, policy in policies.items() if (found := trust.read_trust(policy))}
        plan_checks.refuse_other_names(composition, planned, trusts)
        self._adopter.before_apply(composition, planned, may_adopt=self.may_adopt(composition))
        return outcome

    def previews(self, compositions: Iterable[Composition], *, before_phase_1: bool = False) -> list[str]:
        """Preview compositions in parallel; return the resources to delete or replace, in words.

        before_phase_1: whether trusting roles are still absent. A trusted composition with a data source that needs
        the trusting side is then planned before phase 2.
        """

        def preview(composition: Composition) -> list[str]:
            try:
                return _deletions(composition, self.preview(composition))
            except TerraformError as error:
                if not (before_phase_1 and composition.side is Side.TRUSTED and _is_of_data_sources(error)):
                    raise
            self._unplanned.add(composition.name)
            self._progress.note(f"  {composition.name}: cannot be planned before phase 1; it is planned before phase 2")
            return []

        return [deletion for found in side_by_side(preview, compositions) for deletion in found]

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

    def _root(
        self,
        composition: Composition,
        record: Callable[[Event], None] = lambda _: None,
        settings: Settings | None = None,
    ) -> Root:
        def on_event(event: Event) -> None:
            record(event)
            self._progress.event(composition.name, event)

        return Root(self._workspace.path(composition), settings or self._terraform, on_event)

    def _init(self, composition: Composition) -> None:
        self._report(composition, "init", self._root(composition).init)

    def _report(self, composition: Composition, action: str, do: Callable[[], TerraformOutcome]) -> TerraformOutcome:
        def changes(outcome: TerraformOutcome) -> str:
            if outcome.changes is None:
                return ""
            return outcome.changes.planned if action == "plan" else str(outcome.changes)

        return report_work(self._progress, self._clock, composition.name, action, do, changes)

    def _apply(
        self, phase: Phase, compositions: list[Composition], values_of: ValuesOf, settings: Settings | None = None
    ) -> list[Step]:
        self._terraform.interrupts.check()
        check_identities(self.spec, self._aws, self._scope.accounts)
        observation = self._observe_managed()
        chosen = {composition.name: values_of(composition, observation, _NONE) for composition in compositions}
        for composition in compositions:
            self._workspace.write(composition, chosen[composition.name])

        def apply(composition: Composition) -> Step | TerraformError:
            try:
                return self._apply_one(phase, composition, chosen[composition.name], values_of, settings)
            except TerraformError as error:
                return error

        results = side_by_side(apply, compositions)
        if errors := [result for result in results if isinstance(result, TerraformError)]:
            raise join_diagnostics(errors)
        return [result for result in results if isinstance(result, Step)]

    def _observe_managed(self, outcome: str = "Completed changes are kept") -> Observation:
        """Return the roles in AWS now; refuse unmanaged roles that were created since the run began.

        outcome: starts the hint.
        """
        states = self._scope.states(self._workspace.compositions)
        observation = self.observe()
        refuse_replaced(self._workspace.compositions, states, self._scope.reader.read_role, outcome)
        refuse_unmanaged(self._workspace.compositions, observation, states, outcome=outcome)
        return observation

    def refuse_replaced(self, states: States) -> None:
        """Refuse unmanaged roles that have the name of a deleted role in these states."""
        refuse_replaced(self._workspace.compositions, states, self._scope.reader.read_role)

    def unmanaged(self, observation: Observation) -> frozenset[str]:
        """Return the keys of the unmanaged roles in AWS."""
        compositions = self._workspace.compositions
        found = owners(compositions, observation, self._scope.states(compositions))
        return frozenset(key for key, role_owner in found.items() if role_owner is Owner.UNMANAGED)

    def _apply_one(
        self,
        phase: Phase,
        composition: Composition,
        chosen: Mapping[str, Any],
        values_of: ValuesOf,
        settings: Settings | None,
    ) -> Step:
        """Apply one composition, after adopting orphaned resources of an interrupted run or of this one.

        If an apply fails because a resource already exists, this run has created it: `preview` has refused all earlier
        ones, and the provider retries a call if the answer is lost.
        """

        def adopt(error: TerraformError | None = None) -> Mapping[str, Any]:
            orphans = self._adopter.for_apply(composition, chosen, error)
            roles = frozenset(orphan.name for orphan in orphans if orphan.type == "aws_iam_role")
            values = values_of(composition, self._observe_managed(), roles)  # an adopted role keeps its trust
            self._workspace.write(composition, values, orphans)
            return values

        if composition.name in self._to_adopt:
            self._to_adopt.discard(composition.name)
            chosen = adopt()
        try:
            step = self._run(phase, composition, "apply", chosen, settings)
        except TerraformError as error:
            if not existing_addresses(error.errors):
                raise
            chosen = adopt(error)
            step = self._run(phase, composition, "apply", chosen, settings)
        self._workspace.write(composition, chosen)
        return step

    def _note_any(self, text: str) -> None:
        if text:
            self._progress.note(text)

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

    def _run(
        self,
        phase: str,
        composition: Composition,
        action: str,
        applied: Mapping[str, Any],
        settings: Settings | None = None,
    ) -> Step:
        self._terraform.interrupts.check()
        self._workspace.keep_state(composition)
        started, began = self._clock.now(), self._clock.monotonic()
        record = self._timeline.watch(composition, applied.get("trust_policies", {}))

        def on_event(event: Event) -> None:
            record(event)
            self._note_other(composition, event)

        root = self._root(composition, on_event, settings)
        outcome = self._report(composition, action, root.destroy if action == "destroy" else root.apply)
        return Step(
            phase=str(phase),
            composition=composition.name,
            changes=outcome.changes or Changes(),
            started=started,
            seconds=self._clock.monotonic() - began,
            outputs=outcome.outputs,
        )

    def _note_other(self, composition: Composition, event: Event) -> None:
        """Keep a role that a trusting composition created under another name: its trust may be broad, too."""
        if event.type != "apply_complete" or event.resource_type != "aws_iam_role" or event.action == "delete":
            return
        for role in composition.roles:
            if role.trusts and event.id not in ("", role.name) and in_module(event.address, role):
                other = replace(role, name=event.id)
                self._others[other.arn] = other

    def _check_arns(self, step: Step, output: str) -> None:
        """Refuse a module whose role is not the one that the spec, and so the guard, names."""
        composition = next(c for c in self._workspace.compositions if c.name == step.composition)
        found = step.outputs.get(output) or {}
        for role in composition.roles:
            if found.get(role.key) != role.arn:
                raise TfdriverError(
                    f"the module returned {found.get(role.key)}, but the spec says {role.arn}",
                    code="wrong_role_arn",
                    where=f"module {role.module}, output role_arn",
                    hint="Set the role's name and path by role_name and role_path; see modules/README.md",
                )


def _is_of_data_sources(error: TerraformError) -> bool:
    """Whether a plan failed only because data sources did not find a resource."""
    return bool(error.errors) and all(".data." in f".{found.address}" for found in error.errors)


def _deletions(composition: Composition, outcome: TerraformOutcome) -> list[str]:
    """Return the resources that an apply would delete or replace, except revocations that are no longer needed."""
    return [
        f"{composition.name}: {event.action} {event.address}"
        for event in outcome.planned
        if event.action in ("delete", "replace") and not event.address.startswith(revocation.ADDRESS)
    ]
