"""Runs Terraform in the compositions' folders and reports its progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from tfdriver.clock import Clock
from tfdriver.concurrency import Ran, Task, run_tasks
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.events import Event, TerraformOutcome
from tfdriver.terraform.failure import join_errors
from tfdriver.terraform.progress import Progress, report_work
from tfdriver.terraform.provider_installation import shares_cache
from tfdriver.terraform.runner import Root, Settings

A = TypeVar("A")


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

    def each(
        self, do: Callable[[Composition], A], compositions: Iterable[Composition], limit: int | None = None
    ) -> list[A]:
        """Return the results of `do` in the order of the compositions. limit: by default `--parallelism`.

        After an error no further call starts. Raises one error for all, see `failure.join_errors`.
        """

        def task(composition: Composition) -> Task[A]:
            return Task(composition.name, lambda _: do(composition))

        return list(succeeded(run_tasks(map(task, compositions), limit or self.settings.parallelism)).values())

    def init(self, compositions: Iterable[Composition]) -> None:
        """Initialize the first composition, then the others, in parallel unless they share a plugin cache.

        Raises TerraformError.
        """

        def init(composition: Composition) -> None:
            self.report(composition, "init", self.root(composition).init)

        compositions = list(compositions)
        for composition in compositions[: self.settings.parallelism]:
            self.root(composition).warm_up()
        self.each(init, compositions[:1])  # the others can share its provider
        self.each(init, compositions[1:], 1 if shares_cache(self.settings.environment) else None)

    def report(self, composition: Composition, action: str, do: Callable[[], TerraformOutcome]) -> TerraformOutcome:
        """Call `do`, report its start and end, and return its outcome."""

        def changes(outcome: TerraformOutcome) -> str:
            if outcome.changes is None:
                return ""
            return outcome.changes.planned if action == "plan" else str(outcome.changes)

        return report_work(self.progress, self.clock, composition.name, action, do, changes)


def succeeded(ran: Ran[A]) -> dict[str, A]:
    """Return the results of tasks by name. Raises one error for all errors, see `failure.join_errors`."""
    if ran.errors:
        raise join_errors(ran.errors.values())
    return ran.results
