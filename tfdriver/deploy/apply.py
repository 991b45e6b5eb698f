"""Applies checked plans, and records what they change in the timeline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tfdriver.aws.identity import IdentityReader, check_identities
from tfdriver.aws.observe import Observation
from tfdriver.deploy.plans import Basis, CheckedPlan, Plans, roles_in_aws
from tfdriver.deploy.principal_watch import PrincipalWatch
from tfdriver.deploy.project_roles import ProjectRoles
from tfdriver.deploy.roots import Roots
from tfdriver.errors import TfdriverError
from tfdriver.iam.policy_document import principals, statements
from tfdriver.iam.trust_state import Phase
from tfdriver.interrupts import InterruptedRunError
from tfdriver.project.orphans import existing_addresses
from tfdriver.project.timeline import Timeline
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.events import Changes, Event, RolesDone
from tfdriver.terraform.failure import TerraformError

_OUTDATED_PLANS = 2  # two runs at once change a composition at most twice: they open and tighten it

# Returns the values of a composition, given the roles in AWS and the time (UTC) of its plan.
ValuesOf = Callable[[Composition, Observation, datetime], Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One finished apply or destroy. phase: or `destroy`; started: UTC; seconds: its duration."""

    phase: str
    composition: str
    changes: Changes
    started: datetime
    seconds: float
    outputs: Mapping[str, Any]


class Applier:
    """Applies checked plans. steps: those that have finished, also of a run that fails."""

    def __init__(
        self, roots: Roots, roles: ProjectRoles, plans: Plans, timeline: Timeline, aws: IdentityReader
    ) -> None:
        self._roots = roots
        self._workspace = roots.workspace
        self._roles = roles
        self._plans = plans
        self._timeline = timeline
        self._aws = aws
        self.steps: list[Step] = []

    def apply(
        self,
        phase: Phase,
        composition: Composition,
        values_of: ValuesOf,
        unreadable: Collection[str] = (),
        roles_done: Callable[[], None] = lambda: None,
    ) -> Step:
        """Apply one composition: its kept plan, if AWS shows its roles as they were planned, else a new one.

        A plan that another run has made outdated is replaced.

        unreadable: ARNs of trusted roles that could not be read; roles_done: called once all roles are changed.

        If an apply fails because a resource already exists, this run has created it: `Plans.plan` has refused all
        earlier ones, and the provider retries a call if the answer is lost. Raises TfdriverError.
        """
        for _ in range(_OUTDATED_PLANS):
            try:
                return self._apply(phase, composition, values_of, unreadable, roles_done)
            except TfdriverError as error:
                if error.code != "plan_outdated":
                    raise
                self._roots.progress.note(f"  {composition.name}: planning again: {error.what}")
        return self._apply(phase, composition, values_of, unreadable, roles_done)

    def _apply(
        self,
        phase: Phase,
        composition: Composition,
        values_of: ValuesOf,
        unreadable: Collection[str],
        roles_done: Callable[[], None],
    ) -> Step:
        self._roots.settings.interrupts.check()
        check_identities(self._workspace.spec, self._aws, [composition.account])
        plan = self._current_plan(composition, values_of)
        try:
            return self.run(phase, composition, plan, unreadable, roles_done)
        except TerraformError as error:
            if not existing_addresses(error.errors):
                raise
            observation = self._roles.observe_managed(composition)
            plan = self._plans.plan_again(composition, self._basis(composition, values_of, observation), error)
            return self.run(phase, composition, plan, unreadable, roles_done)

    def plan_ahead(self, composition: Composition, values_of: ValuesOf) -> None:
        """Plan a composition whose apply has just ended, and keep the plan for the next `apply` if it only updates.

        Otherwise AWS may not return yet what was created (IAM is eventually consistent), and `apply` plans again.
        """
        try:
            observation = self._roles.observe_managed(composition)
            plan = self._plans.plan_again(composition, self._basis(composition, values_of, observation))
        except InterruptedRunError:
            raise
        except TfdriverError:
            return
        if any(event.action != "update" for event in plan.saved.outcome.planned):
            self._plans.drop(composition)

    def run(
        self,
        phase: str,
        composition: Composition,
        plan: CheckedPlan,
        unreadable: Collection[str] = (),
        roles_done: Callable[[], None] = lambda: None,
    ) -> Step:
        """Apply a checked plan and record its trust changes. phase: or `destroy`; unreadable: see `apply`."""
        self._roots.settings.interrupts.check()
        self._workspace.keep_state(composition)
        clock = self._roots.clock
        started, began = clock.now(), clock.monotonic()
        record = self._timeline.watch(composition, plan.saved.shown)
        follow = RolesDone(plan.saved.outcome.planned, roles_done)
        watch = self._watch(composition, plan, unreadable)

        def on_event(event: Event) -> None:
            record(event)
            self._roles.keep_other(composition, event)
            follow(event)
            watch.follow(event)

        root = self._roots.root(composition, on_event, replace(self._roots.settings, stuck=watch.stuck))
        action = "destroy" if plan.saved.destroy else "apply"
        try:
            outcome = self._roots.report(composition, action, lambda: root.apply(plan.saved))
        except TerraformError as error:
            if refusal := watch.refusal(error):
                raise refusal from error
            raise
        step = Step(
            phase=str(phase),
            composition=composition.name,
            changes=outcome.changes or Changes(),
            started=started,
            seconds=clock.monotonic() - began,
            outputs=outcome.outputs,
        )
        self.steps.append(step)
        return step

    def _watch(self, composition: Composition, plan: CheckedPlan, unreadable: Collection[str]) -> PrincipalWatch:
        """Return a watch for the principals in the plan's trust policies that nobody could read."""
        unsure: dict[str, Collection[str]] = {}
        for role in composition.roles if not plan.saved.destroy else ():
            policy = plan.basis.values.get("trust_policies", {}).get(role.label, {})
            trusted = {principal for statement in statements(policy) for principal in principals(statement)}
            unsure[role.key] = trusted & {*role.trusted_arns, *unreadable, *self._workspace.unseen}
        return PrincipalWatch(composition, unsure, self._roles.read, self._roots.clock, self._workspace.unseen)

    def _current_plan(self, composition: Composition, values_of: ValuesOf) -> CheckedPlan:
        """Return the kept plan of a composition, or a new one if the roles in AWS, or what they need, have changed."""
        observation = self._roles.observe_managed(composition)
        kept = self._plans.take(composition, roles_in_aws(composition, observation))
        if kept and kept.basis.values == values_of(composition, observation, kept.basis.at):
            return kept
        return self._plans.plan_again(composition, self._basis(composition, values_of, observation))

    def _basis(self, composition: Composition, values_of: ValuesOf, observation: Observation) -> Basis:
        now = self._roots.clock.now()
        return Basis(values_of(composition, observation, now), roles_in_aws(composition, observation), now)


def refuse_other_arns(step: Step, composition: Composition, output: str) -> None:
    """Raise TfdriverError for a module whose role is not the one that the spec, and so the guard, names."""
    found = step.outputs.get(output) or {}
    for role in composition.roles:
        if found.get(role.label) != role.arn:
            raise TfdriverError(
                f"the module returned {found.get(role.label)}, but the spec says {role.arn}",
                code="wrong_role_arn",
                where=f"module {role.module}, output role_arn",
                hint="In the module's aws_iam_role, set `name = var.role_name` and `path = var.role_path`; "
                '`output "role_arn"` is that role\'s ARN',
            )
