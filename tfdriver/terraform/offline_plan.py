"""Plans a composition without credentials and without calls, by `terraform test` with mocked providers.

Terraform then asks the providers for schemas and validation only. A mocked provider returns random strings for computed
values, other ones in each run. So the test plans twice, to know which values are random, and then applies, to know the
values that are made of computed ones: a policy with an ARN in it, or the role of an inline policy. (The values of an
apply are in memory only. Mocking during the plan itself needs Terraform 1.11.)

Source of the shapes: Terraform's documentation, "Tests", and its "JSON Output Format" (internals/json-format).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfdriver.files import write_whole
from tfdriver.spec.model import Account
from tfdriver.terraform.events import TEXT, outcome, parse_line
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.installed_provider import locked_providers
from tfdriver.terraform.provider_hosts import ProviderHosts
from tfdriver.terraform.provider_installation import PROVIDERS
from tfdriver.terraform.runner import Root, Settings
from tfdriver.terraform.used_types import configuration_files, configured_types

# What a data source `aws_iam_policy_document` returns in an offline plan. The document itself is not known.
MOCKED_DOCUMENT = "{}"

_TEST = "offline.tftest.json"
_PROVIDERS = "tfdriver_offline_override.tf.json"
_BUILT_IN = "terraform.io/builtin/terraform"
# An apply runs provisioners and actions, mocked providers or not. A word too many only hides some values.
_RUNS_PROGRAMS = re.compile(rb"\b(provisioner|action_trigger)\b")

Plan = Mapping[str, Any]


@dataclass(frozen=True)
class OfflinePlan:
    """A plan without credentials. plan: as JSON, {} if there is none; problem: why values are unknown, or ''.

    A resource's `change.after` also has the values that are known only after the apply, with random strings for those
    that AWS sets. `change.after_unknown` has the values that are not the same in each plan, `depends_on` the addresses,
    without keys, of the resources that it refers to.
    """

    plan: Plan
    problem: str = ""


def offline_settings(settings: Settings, parallelism: int) -> Settings:
    """Return the settings of offline plans: no credentials reach Terraform. The caller closes their hosts."""
    kept = {name: value for name, value in settings.environment.items() if not name.startswith("AWS_")}
    nothing = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "/dev/null")
    environment = kept | nothing | {"AWS_EC2_METADATA_DISABLED": "true"}
    hosts = ProviderHosts(environment, parallelism, lambda _: None) if settings.hosts else None
    return replace(settings, environment=environment, hosts=hosts)


def offline_plan(folder: Path, account: Account, settings: Settings) -> OfflinePlan:
    """Return the plan of an initialized composition, into whose folder two files are written.

    settings: see `offline_settings`.
    """
    try:
        text = b"\n".join(path.read_bytes() for path in configuration_files(folder))
        _mock(folder, account, apply=not _RUNS_PROGRAMS.search(text))
        output = Root(folder, settings).test()
        found = read_plan(output.decode(errors="replace").splitlines())
        return replace(found, problem=settings.hide(found.problem))
    except TerraformError as error:
        return OfflinePlan({}, settings.hide(error.what))
    except (OSError, ValueError, LookupError) as error:
        return OfflinePlan({}, f"cannot read the configuration: {error}")


def read_plan(lines: Iterable[str]) -> OfflinePlan:
    """Return the plan that `terraform test -json -verbose` printed."""
    plans, state, events = [], None, []
    for line in lines:
        if event := parse_line(line):
            match event.type:
                case "test_plan":
                    plans.append(event.body["test_plan"])
                case "test_state":
                    state = event.body["test_state"]
                case _:
                    events.append(event)
    if not plans:
        raise ValueError("terraform test printed no plan")
    changes = list(_changes(plans[0], plans[-1], state))
    # At its end, a test deletes what it has applied, in memory.
    errors = [error for error in outcome(events, TEXT).errors if error.summary != "Instance cannot be destroyed"]
    problem = str(errors[0]) if errors else "" if state else "its modules have provisioners, so it was not applied"
    return OfflinePlan({"resource_changes": changes, "output_changes": plans[0].get("output_changes") or {}}, problem)


def _changes(plan: Plan, again: Plan, state: Plan | None) -> Iterator[dict[str, Any]]:
    second = {found["address"]: found["change"]["after"] for found in again.get("resource_changes") or ()}
    applied = dict(_applied(state["root_module"], "")) if state else {}
    for resource in plan.get("resource_changes") or ():
        change, address = resource["change"], resource["address"]
        after, other, unknown = change["after"] or {}, second.get(address) or {}, change.get("after_unknown") or {}
        random = {name: True for name, value in after.items() if other.get(name) != value}
        found = applied.pop(address, {})
        change = {**change, "after": found.get("values", after), "after_unknown": {**unknown, **random}}
        yield {**resource, "change": change, "depends_on": found.get("depends_on", ())}
    for found in applied.values():  # data that was read during the plan
        yield {**found, "change": {"actions": ["read"], "after": found["values"], "after_unknown": {}}}


def _applied(module: Plan, address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in module.get("resources", ()):
        yield resource["address"], {**resource, **({"module_address": address} if address else {})}
    for child in module.get("child_modules", ()):
        yield from _applied(child, child["address"])


def _mock(folder: Path, account: Account, *, apply: bool) -> None:
    """Write a test that mocks all providers of an initialized composition."""
    addresses = [address for address in locked_providers(folder) if address not in PROVIDERS]
    others = {address.rpartition("/")[2]: address for address in [*addresses, _BUILT_IN]}
    if len(others) <= len(addresses):
        raise ValueError(f"providers with the same name: {', '.join(addresses)}")
    required = {name: {"source": address} for name, address in others.items()}
    configuration = {"terraform": {"required_providers": required}}
    write_whole(folder / _PROVIDERS, json.dumps(configuration).encode())
    write_whole(folder / _TEST, json.dumps(_test(configured_types(folder), account, others, apply=apply)).encode())


def _test(types: Collection[str], account: Account, others: Iterable[str], *, apply: bool) -> dict[str, Any]:
    own = {
        "aws_caller_identity": {"account_id": account.id, "id": account.id, "arn": account.root_arn},
        "aws_iam_policy_document": {"json": MOCKED_DOCUMENT, "minified_json": MOCKED_DOCUMENT},
        "aws_partition": {"partition": account.partition, "id": account.partition, "dns_suffix": "amazonaws.com"},
        "aws_region": {"name": account.region, "region": account.region, "id": account.region},
    }
    mocked = {kind: {"defaults": {"arn": _arn(kind, account), "region": account.region}} for kind in sorted(types)}
    data = mocked | {kind: {"defaults": values} for kind, values in own.items()}
    runs = [{"plan": {"command": "plan"}}, {"plan_again": {"command": "plan"}}]
    return {
        "mock_provider": {"aws": {"mock_resource": mocked, "mock_data": data}, **{name: {} for name in others}},
        "run": [*runs, *([{"apply": {"command": "apply"}}] if apply else [])],
    }


def _arn(kind: str, account: Account) -> str:
    """Return an ARN for all resources of a type: many arguments must be valid ARNs."""
    service = kind.split("_")[1]
    region = "" if service == "iam" else account.region
    return f"arn:{account.partition}:{service}:{region}:{account.id}:{kind}/mock"
