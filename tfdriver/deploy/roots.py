"""Runs Terraform in the compositions' folders and reports its progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tfdriver.clock import Clock
from tfdriver.concurrency import side_by_side
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.events import Event, TerraformOutcome
from tfdriver.terraform.progress import Progress, report_work
from tfdriver.terraform.provider_installation import shares_cache
from tfdriver.terraform.runner import Root, Settings


@dataclass(frozen=True)
class Roots:
    """Terraform in the compositions' folders. settings: of its commands."""

    workspace: Workspace
    settings: Settings
    progress: Progress
    clock: Clock

    def root(
        self,
        composition: Composition,
        record: Callable[[Event], None] = lambda _: None,
        settings: Settings | None = None,
    ) -> Root:
        """Return Terraform in a composition's folder. record: receives each event; settings: by default the run's."""

        def on_event(event: Event) -> None:
            record(event)
            self.progress.event(composition.name, event)

        return Root(self.workspace.path(composition), settings or self.settings, on_event)

    def init(self, compositions: Iterable[Composition]) -> None:
        """Initialize compositions, in parallel unless they share a plugin cache. Raises TerraformError."""

        def init(composition: Composition) -> None:
            self.report(composition, "init", self.root(composition).init)

        if shares_cache(self.settings.environment):
            for composition in compositions:
                init(composition)
        else:
            side_by_side(init, compositions)

    def report(self, composition: Composition, action: str, do: Callable[[], TerraformOutcome]) -> TerraformOutcome:
        """Call `do`, report its start and end, and return its outcome."""

        def changes(outcome: TerraformOutcome) -> str:
            if outcome.changes is None:
                return ""
            return outcome.changes.planned if action == "plan" else str(outcome.changes)

        return report_work(self.progress, self.clock, composition.name, action, do, changes)
