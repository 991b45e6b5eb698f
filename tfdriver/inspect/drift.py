"""What was changed outside Terraform: a refresh-only plan of a composition, without what is no news.

Terraform calls it drift, too, that a policy which the same apply attached a moment later is attached now, or that
"none" reads as "empty" today: after a first `up` that would be half of all resources. Such differences are left out.
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

# Counts what others do with a resource; who attached what shows in the roles themselves.
_NO_NEWS = {("aws_iam_policy", "attachment_count")}


@dataclass(frozen=True)
class Drift:
    """What a refresh-only plan found. drifted: address and what of it differs (no values), one per resource.

    problem: why it could not be looked for, or ''.
    """

    drifted: tuple[str, ...] = ()
    problem: str = ""


@contextmanager
def drift_reader(options: Options, tools: Tools) -> Iterator[Callable[[Path, Composition], Drift]]:
    """Give, inside the `with` block, a function that looks for drift in a composition's folder.

    It changes nothing in AWS, and takes the project's lock only to init a composition. Raises TfdriverError for a bad
    spec, or without a Terraform new enough.
    """
    with find_terraform(read_spec(options.project), tools) as found:
        settings = found.settings(tools, options)
        one_at_a_time = Lock()

        def look(folder: Path, composition: Composition) -> Drift:
            if not folder.is_dir():
                return Drift(problem="drift not looked for: it is not rendered here, run `tfdriver render` first")
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
                return Drift(problem=f"drift not looked for: {error}".rstrip("."))

        yield look


def differences(shown: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what differs, in words, of a refresh-only plan as `terraform show -json` shows it. Pure.

    Source of the shape: Terraform's documentation, "JSON output format", plan representation.
    """
    given = set(_given(shown.get("prior_state", {}).get("values", {}).get("root_module", {})))
    found = []
    for resource in shown.get("resource_drift", []):
        change = resource["change"]
        if "delete" in change["actions"]:
            found.append(f"{resource['address']}: deleted")
            continue
        names = _changed(resource["type"], change["before"] or {}, change["after"] or {}, given)
        if names:
            found.append(f"{resource['address']}: {', '.join(names)}")
    return tuple(found)


def _changed(
    kind: str, before: Mapping[str, Any], after: Mapping[str, Any], given: Collection[tuple[str, str, str]]
) -> list[str]:
    names = sorted(name for name in {*before, *after} if (before.get(name) or None) != (after.get(name) or None))
    if kind == "aws_iam_role":
        now = {"managed_policy_arns": set(after.get("managed_policy_arns") or ())}
        now["inline_policy"] = {policy.get("name") for policy in after.get("inline_policy") or ()}
        applied = {a: {which for role, b, which in given if (role, b) == (after["name"], a)} for a in now}
        names = [name for name in names if name not in now or now[name] != applied[name]]
    return [name for name in names if (kind, name) not in _NO_NEWS]


def _given(module: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield role name, argument of aws_iam_role and what it then has, for each policy that Terraform gave a role."""
    for resource in module.get("resources", []):
        values = resource["values"]
        if resource["type"] == "aws_iam_role_policy_attachment":
            yield values["role"], "managed_policy_arns", values["policy_arn"]
        elif resource["type"] == "aws_iam_role_policy":
            yield values["role"], "inline_policy", values["name"]
    for child in module.get("child_modules", []):
        yield from _given(child)
