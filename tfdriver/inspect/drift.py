"""What `terraform plan` would change in an applied composition.

A computed attribute that differs between AWS and the state is no drift: after its first apply, a role has the policies
that were attached to it later. Terraform reports such a difference only if it contributes to a planned change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from tfdriver.deploy.session import Options, Tools, find_terraform, read_spec
from tfdriver.errors import TfdriverError
from tfdriver.project.lock import locked
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.progress import report_work
from tfdriver.terraform.runner import Root


@dataclass(frozen=True)
class Drift:
    """Drift of a composition. drifted: per resource or output that a plan would change, its address and the change.

    problem: why drift could not be checked, '' if it was.
    """

    drifted: tuple[str, ...] = ()
    problem: str = ""


@contextmanager
def drift_reader(options: Options, tools: Tools) -> Iterator[Callable[[Path, Composition], Drift]]:
    """Yield a function that checks a composition's folder for drift. It changes nothing in AWS.

    It takes the project's lock only to init a composition. Raises TfdriverError for a bad spec or a missing or outdated
    Terraform.
    """
    with find_terraform(options.selection.accounts(read_spec(options.project)), tools, options.parallelism) as found:
        settings = found.settings(tools, options)
        one_at_a_time = Lock()

        def check(folder: Path, composition: Composition) -> Drift:
            if not folder.is_dir():
                return Drift(problem="drift not checked: the composition is not rendered, run `tfdriver render` first")
            root = Root(folder, settings)

            def plan() -> Mapping[str, Any]:
                return root.drift(found.private / f"{composition.name}.plan")

            try:
                with one_at_a_time:
                    if not root.initialised:
                        with locked(options.project, "status"):
                            report_work(tools.progress, tools.clock, composition.name, "init", root.init)
                return Drift(differences(report_work(tools.progress, tools.clock, composition.name, "plan", plan)))
            except TfdriverError as error:
                return Drift(problem=f"drift not checked: {error}".rstrip("."))

        yield check


def differences(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a plan would change, as `terraform show -json` prints it; () if it changes nothing. Pure.

    An update is the names of the changed arguments, never their values. Source of the format: Terraform's
    documentation, "JSON output format", plan representation.
    """
    deleted = {r["address"] for r in plan.get("resource_drift", ()) if "delete" in r["change"]["actions"]}
    resources = (
        f"{resource['address']}: {change}"
        for resource in plan.get("resource_changes", ())
        if (change := _change(resource, deleted))
    )
    outputs = (
        f"output {name}: {'/'.join(change['actions'])}"
        for name, change in plan.get("output_changes", {}).items()
        if change["actions"] != ["no-op"]
    )
    return (*resources, *outputs)


def _change(resource: Mapping[str, Any], deleted: Collection[str]) -> str:
    """Return the planned change of a resource, '' for none. deleted: addresses of those deleted outside Terraform."""
    match resource["change"]["actions"]:
        case ["no-op"] if "importing" in resource["change"]:
            return "import"
        case ["no-op"]:
            return f"move from {resource['previous_address']}" if "previous_address" in resource else ""
        case ["create"] if resource["address"] in deleted:
            return "deleted"
        case ["update"]:
            return ", ".join(_changed(resource["change"])) or "update"
        case ["create", "delete"] | ["delete", "create"]:
            return "replace"
        case actions:
            return "/".join(actions)


def _changed(change: Mapping[str, Any]) -> list[str]:
    """Return the names of the changed arguments, and if there are none, those known only after the apply."""
    before, after, unknown = change["before"] or {}, change["after"] or {}, change.get("after_unknown") or {}
    known = {name for name in {*before, *after} if name not in unknown or unknown[name] is not True}
    names = sorted(name for name in known if (before.get(name) or None) != (after.get(name) or None))
    return names or sorted(name for name, value in unknown.items() if value is True)
