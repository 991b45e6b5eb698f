"""Applies compositions: checks before each apply, adoption of orphaned resources, and the timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tfdriver.aws.identity import IdentityReader, check_identities
from tfdriver.aws.observe import Observation
from tfdriver.deploy.adopt import Adopter
from tfdriver.deploy.project_roles import ProjectRoles
from tfdriver.deploy.roots import Roots
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import Phase
from tfdriver.project.orphans import existing_addresses
from tfdriver.project.timeline import Timeline
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.events import Changes, Event
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.runner import Settings

# Returns the values of a composition, given the roles in AWS and the names of roles that exist for certain.
ValuesOf = Callable[[Composition, Observation, frozenset[str]], Mapping[str, Any]]
_NONE: frozenset[str] = frozenset()


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
    """Applies compositions. to_adopt: names of those whose orphaned resources are adopted before the first apply.

    steps: those that have finished, also of a run that fails.
    """

    def __init__(
        self,
        roots: Roots,
        roles: ProjectRoles,
        adopter: Adopter,
        timeline: Timeline,
        aws: IdentityReader,
        to_adopt: Iterable[str],
    ) -> None:
        self._roots = roots
        self._workspace = roots.workspace
        self._roles = roles
        self._adopter = adopter
        self._timeline = timeline
        self._aws = aws
        self._to_adopt = set(to_adopt)
        self.steps: list[Step] = []

    def apply(
        self,
        phase: Phase,
        composition: Composition,
        values_of: ValuesOf,
        settings: Settings | None = None,
        also: Callable[[Event], None] = lambda _: None,
    ) -> Step:
        """Apply one composition, after adopting orphaned resources of an interrupted run or of this one.

        settings: in place of the run's; also: receives Terraform's events.

        If an apply fails because a resource already exists, this run has created it: `Previews.preview` has refused all
        earlier ones, and the provider retries a call if the answer is lost. Raises TfdriverError.
        """
        self._roots.settings.interrupts.check()
        check_identities(self._workspace.spec, self._aws, [composition.account])
        chosen = values_of(composition, self._roles.observe_managed(composition), _NONE)
        self._workspace.write(composition, chosen)

        def adopt(error: TerraformError | None = None) -> Mapping[str, Any]:
            orphans = self._adopter.for_apply(composition, chosen, error)
            roles = frozenset(orphan.name for orphan in orphans if orphan.type == "aws_iam_role")
            values = values_of(composition, self._roles.observe_managed(composition), roles)  # keeps their trust
            self._workspace.write(composition, values, orphans)
            return values

        if composition.name in self._to_adopt:
            self._to_adopt.discard(composition.name)
            chosen = adopt()
        try:
            step = self.run(phase, composition, chosen, settings, also)
        except TerraformError as error:
            if not existing_addresses(error.errors):
                raise
            chosen = adopt(error)
            step = self.run(phase, composition, chosen, settings, also)
        self._workspace.write(composition, chosen)
        return step

    def run(
        self,
        phase: str,
        composition: Composition,
        values: Mapping[str, Any],
        settings: Settings | None = None,
        also: Callable[[Event], None] = lambda _: None,
    ) -> Step:
        """Run `terraform apply`, or `terraform destroy` for the phase `destroy`, and record its trust changes."""
        self._roots.settings.interrupts.check()
        self._workspace.keep_state(composition)
        clock = self._roots.clock
        started, began = clock.now(), clock.monotonic()
        record = self._timeline.watch(composition, values.get("trust_policies", {}))

        def on_event(event: Event) -> None:
            record(event)
            self._roles.keep_other(composition, event)
            also(event)

        root = self._roots.root(composition, on_event, settings)
        action, do = ("destroy", root.destroy) if phase == "destroy" else ("apply", root.apply)
        outcome = self._roots.report(composition, action, do)
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


def refuse_other_arns(step: Step, composition: Composition, output: str) -> None:
    """Raise TfdriverError for a module whose role is not the one that the spec, and so the guard, names."""
    found = step.outputs.get(output) or {}
    for role in composition.roles:
        if found.get(role.key) != role.arn:
            raise TfdriverError(
                f"the module returned {found.get(role.key)}, but the spec says {role.arn}",
                code="wrong_role_arn",
                where=f"module {role.module}, output role_arn",
                hint="Set the role's name and path by role_name and role_path; see modules/README.md",
            )
