"""Terraform with the provider proxy and without it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import World
from tfdriver.aws.client import known_regions
from tfdriver.interrupts import Interrupts
from tfdriver.project import tfvars
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.spec.load import load_spec
from tfdriver.terraform.environment import terraform_environment
from tfdriver.terraform.program import find_program
from tfdriver.terraform.provider_hosts import ProviderHosts
from tfdriver.terraform.runner import Root, Settings

pytestmark = pytest.mark.integration


@dataclass
class Pair:
    """The example project, rendered, and the two ways to run Terraform in it."""

    workspace: Workspace
    proxied: Settings
    plain: Settings
    notes: list[str] = field(default_factory=list)

    def root(self, composition: Composition, *, proxy: bool = True) -> Root:
        return Root(self.workspace.path(composition), self.proxied if proxy else self.plain)


@pytest.fixture
def pair(world: World) -> Iterator[Pair]:
    spec = load_spec(world.project, regions=known_regions, profile_region=lambda _: None)
    workspace = Workspace(spec)
    environ = world.environ
    plain = Settings(
        find_program(environ), terraform_environment(environ, Path(environ["TF_CLI_CONFIG_FILE"])), Interrupts()
    )
    notes: list[str] = []
    hosts = ProviderHosts(plain.environment, 2, notes.append)
    found = Pair(workspace, replace(plain, hosts=hosts), plain, notes)
    for composition in workspace.compositions:
        workspace.write(composition, tfvars.final(spec, composition))
        found.root(composition).init()
    yield found
    hosts.close()


def comparable(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan without its time, and without the order of attributes, which changes with every plan."""
    attributes = sorted(plan.get("relevant_attributes", []), key=json.dumps)
    return {key: value for key, value in plan.items() if key != "timestamp"} | {"relevant_attributes": attributes}


def assert_same_plans(pair: Pair, changed: int) -> None:
    """Plan each composition in both ways. changed: how many of the plans change something."""
    plans = []
    for composition in pair.workspace.compositions:
        proxied, plain = (comparable(pair.root(composition, proxy=proxy).planned()) for proxy in (True, False))
        assert proxied == plain
        plans.append(proxied)
    assert sum("resource_changes" in plan for plan in plans) == changed


@pytest.mark.long
def test_the_plans_of_the_example_are_the_same(world: World, pair: Pair):
    assert_same_plans(pair, changed=2)

    assert world.tfdriver("up", "--yes", "--no-verify", "--no-tighten").returncode == 3
    assert_same_plans(pair, changed=1)  # the change of the trust policy
    assert pair.notes == []


def test_a_type_that_the_proxy_hides_is_planned_without_it(pair: Pair):
    composition = pair.workspace.compositions[0]
    escaped = '{"resource": {"\\u0061ws_sqs_queue": {"hidden": {}}}}'
    (pair.workspace.path(composition) / "hidden.tf.json").write_text(escaped)

    plan = pair.root(composition).planned()

    assert "aws_sqs_queue.hidden" in {change["address"] for change in plan["resource_changes"]}
    (note,) = pair.notes
    assert note.startswith("account_a: Terraform runs without the provider proxy: ")
    assert "aws_sqs_queue" in note
