"""Plans compositions before anything is applied, and checks the plans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tfdriver.deploy import plan_checks, revocation
from tfdriver.deploy.adopt import Adopter
from tfdriver.deploy.roots import Roots
from tfdriver.iam import trust
from tfdriver.interrupts import obeyed
from tfdriver.project import tfvars
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.events import TerraformOutcome
from tfdriver.terraform.failure import TerraformError


class Previews:
    """The plans of a run. may_adopt: whether orphaned resources of a composition may be adopted.

    postponed: names of the trusted compositions that can be planned only after phase 1.
    """

    def __init__(self, roots: Roots, adopter: Adopter, may_adopt: Callable[[Composition], bool]) -> None:
        self._roots = roots
        self._adopter = adopter
        self._may_adopt = may_adopt
        self._done: dict[str, tuple[TerraformOutcome, float]] = {}
        self.postponed: set[str] = set()

    def preview(self, composition: Composition, instead: Mapping[str, Any] | None = None) -> TerraformOutcome:
        """Plan and check a prepared composition; return the outcome.

        instead: values that override those in the composition's folder. Raises TfdriverError for a role under another
        name than in the spec, and for existing resources that may not be adopted.
        """
        planned: Mapping[str, Any] = {}

        def plan() -> TerraformOutcome:
            nonlocal planned
            outcome, planned = self._roots.root(composition).preview(instead)
            return outcome

        clock = self._roots.clock
        started = clock.monotonic()
        outcome = self._roots.report(composition, "plan", plan)
        self._done[composition.name] = outcome, clock.monotonic() - started
        policies = (instead or tfvars.final(self._roots.workspace.spec, composition)).get("trust_policies", {})
        trusts = {key: found for key, policy in policies.items() if (found := trust.read_trust(policy))}
        plan_checks.refuse_other_names(composition, planned, trusts)
        self._adopter.before_apply(composition, planned, may_adopt=self._may_adopt(composition))
        return outcome

    def confirm(
        self,
        compositions: Iterable[Composition],
        confirm_deletions: Callable[[Sequence[str]], None] | None,
        *,
        before_phase_1: bool = False,
    ) -> None:
        """Preview compositions in parallel, and confirm what would be deleted or replaced.

        confirm_deletions: receives the resources, raises to stop; None to delete without asking. before_phase_1:
        whether trusting roles are still absent. A trusted composition with a data source that needs the trusting side
        is then planned before phase 2.
        """

        def preview(composition: Composition) -> list[str]:
            try:
                return _deletions(composition, self.preview(composition))
            except TerraformError as error:
                if not (before_phase_1 and composition.side is Side.TRUSTED and _is_of_data_sources(error)):
                    raise
            self.postponed.add(composition.name)
            self._roots.progress.note(
                f"  {composition.name}: cannot be planned before phase 1; it is planned before phase 2"
            )
            return []

        deletions = [deletion for found in self._roots.each(preview, compositions) for deletion in found]
        if deletions and confirm_deletions is not None:
            with obeyed():  # no Terraform runs during the question, so Ctrl-C may stop tfdriver at once
                confirm_deletions(deletions)

    @property
    def unchanged(self) -> frozenset[str]:
        """The names of the compositions whose plan changes nothing, and that have nothing to adopt.

        For plans with the final values only.
        """
        return frozenset(
            c.name
            for c in self._roots.workspace.compositions
            if c.name in self._done and self._done[c.name][0].changes_nothing and not self._may_adopt(c)
        )

    def seconds_if_only_roles(self, composition: Composition) -> float | None:
        """Return the duration of a composition's plan; None if an apply changes more than roles."""
        outcome, seconds = self._done[composition.name]
        return seconds if all(event.resource_type == "aws_iam_role" for event in outcome.planned) else None


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
