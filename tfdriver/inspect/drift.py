"""Changes made outside Terraform, from a refresh-only plan of a composition.

Terraform also reports a policy that the same apply attached later, and null that became empty. After a first `up`, half
of all resources have these differences. They are left out.
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

# An attachment is reported as drift of the role.
_IGNORED = {("aws_iam_policy", "attachment_count")}


@dataclass(frozen=True)
class Drift:
    """Drift of a composition. drifted: per resource, its address and the names of the changed arguments.

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
    with find_terraform(read_spec(options.project), tools, options.parallelism) as found:
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
    """Return the drifted resources in a refresh-only plan, as `terraform show -json` prints it. Pure.

    Source of the format: Terraform's documentation, "JSON output format", plan representation.
    """
    attached = set(_attached(plan.get("prior_state", {}).get("values", {}).get("root_module", {})))
    found = []
    for resource in plan.get("resource_drift", []):
        change = resource["change"]
        if "delete" in change["actions"]:
            found.append(f"{resource['address']}: deleted")
            continue
        names = _changed(resource["type"], change["before"] or {}, change["after"] or {}, attached)
        if names:
            found.append(f"{resource['address']}: {', '.join(names)}")
    return tuple(found)


def _changed(
    kind: str, before: Mapping[str, Any], after: Mapping[str, Any], attached: Collection[tuple[str, str, str]]
) -> list[str]:
    names = sorted(name for name in {*before, *after} if (before.get(name) or None) != (after.get(name) or None))
    if kind == "aws_iam_role":
        now = {"managed_policy_arns": set(after.get("managed_policy_arns") or ())}
        now["inline_policy"] = {policy.get("name") for policy in after.get("inline_policy") or ()}
        applied = {a: {which for role, b, which in attached if (role, b) == (after["name"], a)} for a in now}
        names = [name for name in names if name not in now or now[name] != applied[name]]
    return [name for name in names if (kind, name) not in _IGNORED]


def _attached(module: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each policy of a role in the state: role name, argument of aws_iam_role, ARN or name of the policy."""
    for resource in module.get("resources", []):
        values = resource["values"]
        if resource["type"] == "aws_iam_role_policy_attachment":
            yield values["role"], "managed_policy_arns", values["policy_arn"]
        elif resource["type"] == "aws_iam_role_policy":
            yield values["role"], "inline_policy", values["name"]
    for child in module.get("child_modules", []):
        yield from _attached(child)
