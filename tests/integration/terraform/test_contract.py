"""The behaviour of Terraform and AWS that tests rely on, checked with the fakes and the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.world import FakeAws, make_stage
from tests.integration.conftest import make_world
from tfdriver.aws.client import Aws, known_regions
from tfdriver.iam import trust, trust_state
from tfdriver.iam.trust_state import LiveRole
from tfdriver.interrupts import Interrupts
from tfdriver.project import tfvars
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.spec.load import load_spec
from tfdriver.spec.model import Spec
from tfdriver.terraform.environment import terraform_environment
from tfdriver.terraform.events import Event, TerraformOutcome
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.program import check_version, find_program
from tfdriver.terraform.provider_hosts import ProviderHosts
from tfdriver.terraform.runner import Root, Settings

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


@dataclass
class Parts:
    """Terraform and AWS, fake or real, with the example project."""

    spec: Spec
    workspace: Workspace
    settings: Settings
    aws: Aws | FakeAws
    events: list[Event]

    def root(self, composition: Composition) -> Root:
        return Root(self.workspace.path(composition), self.settings, self.events.append)

    def apply(self, composition: Composition, *, destroy: bool = False) -> TerraformOutcome:
        root = self.root(composition)
        return root.apply(root.plan(destroy=destroy))

    def write(self, composition: Composition, **policies: dict) -> None:
        chosen = tfvars.final(self.spec, composition)
        if policies:
            chosen["trust_policies"] = policies
        self.workspace.write(composition, chosen)


def settings(environ: dict[str, str]) -> Settings:
    config = environ.get("TF_CLI_CONFIG_FILE")
    return Settings(
        find_program(environ), terraform_environment(environ, Path(config) if config else None), Interrupts()
    )


@pytest.fixture(params=["fake", "real"])
def parts(request, project: Path, tmp_path: Path, monkeypatch) -> Iterator[Parts]:
    spec = load_spec(project, regions=known_regions, profile_region=lambda _: None)
    workspace = Workspace(spec)
    if request.param == "fake":
        stage = make_stage(project, tmp_path / "home")
        yield Parts(spec, workspace, settings(stage.environ), stage.aws, [])
        return
    for world in make_world(project, tmp_path):
        for name in ("AWS_ENDPOINT_URL", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            monkeypatch.setenv(name, world.environ[name])
        plain = settings(world.environ)
        hosts = ProviderHosts(plain.environment, 2, pytest.fail)
        yield Parts(spec, workspace, replace(plain, hosts=hosts), Aws(), [])
        hosts.close()


@pytest.mark.long
def test_terraform_and_aws_keep_their_contract(parts: Parts):
    a, b = parts.workspace.compositions
    (foo,), (bar,) = a.roles, b.roles
    assert check_version(parts.settings.program, parts.settings.environment)
    assert parts.aws.caller(a.account).account_id == a.account.id
    assert parts.aws.read_role(a.account, foo.name) is None

    opening = trust_state.opening_trust(trust_state.classify(foo, (bar,), None, {}), (bar,), frozenset(), NOW)
    parts.write(a, foo_bar=opening)
    parts.root(a).init()
    plan = parts.root(a).plan()
    planned, shown = plan.outcome, plan.shown
    assert planned.changes is not None
    assert planned.changes.added == len(planned.planned) > 0
    assert {c["change"]["after"]["name"] for c in shown["resource_changes"] if c["type"] == "aws_iam_role"} == {
        foo.name
    }
    opened = parts.root(a).apply(plan)
    assert not plan.path.exists()
    assert opened.changes == planned.changes
    assert opened.outputs["roles_to_be_assumed"] == {"foo_bar": foo.arn}
    done = [e for e in parts.events if e.type == "apply_complete" and e.resource_type == "aws_iam_role"]
    assert [(e.action, e.id) for e in done] == [("create", "foo_bar")]
    live = parts.aws.read_role(a.account, foo.name)
    assert isinstance(live, LiveRole)
    assert (live.arn, live.tags["tfdriver:project"], live.tags["tfdriver:composition"]) == (
        foo.arn,
        "foo-bar",
        "account_a",
    )
    assert trust.read_trust(live.trust_policy) == trust.read_trust(opening)
    again = parts.apply(a).changes
    assert again is not None
    assert again.none

    parts.write(b)
    parts.root(b).init()
    connected = parts.apply(b)
    assert connected.outputs["roles_which_will_assume"] == {"bar": bar.arn}
    parts.write(a)
    tightened = parts.apply(a).changes
    assert tightened is not None
    assert (tightened.added, tightened.changed, tightened.removed) == (0, 1, 0)

    removed = parts.apply(b, destroy=True).changes
    assert removed is not None
    assert removed.removed > 0
    orphan = parts.aws.read_role(a.account, foo.name)
    assert isinstance(orphan, LiveRole)
    orphaned = trust.read_trust(orphan.trust_policy)
    assert orphaned is not None
    assert orphaned.dead_ids
    parts.apply(a, destroy=True)
    assert parts.aws.read_role(a.account, foo.name) is None


@pytest.mark.long
def test_an_error_of_terraform_is_raised(parts: Parts):
    a = parts.workspace.compositions[0]
    parts.write(a)  # the final values, which name a role that does not exist
    parts.root(a).init()
    # The real provider retries "Invalid principal" for two minutes; the fake fails at once.
    root = Root(parts.workspace.path(a), replace(parts.settings, timeout=12), parts.events.append)
    with pytest.raises(TerraformError) as caught:
        root.apply(root.plan())
    assert str(caught.value).startswith("terraform apply in compositions/account_a: ")
    assert parts.aws.read_role(a.account, "foo_bar") is None
