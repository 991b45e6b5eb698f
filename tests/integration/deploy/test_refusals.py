"""Errors before a run begins: one short message, exit 1, nothing written, only roles and callers read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import World, make_world
from tfdriver.project.init import init

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A new project in a sandbox, in which no test changes anything."""
    folder = tmp_path_factory.mktemp("refusals")
    init(folder / "foo-bar")
    yield from make_world(folder / "foo-bar", folder)


@pytest.fixture
def copied(untouched: World, tmp_path: Path) -> World:
    """The same sandbox with copies of the project and of the profiles."""
    project, environ = tmp_path / "foo-bar", dict(untouched.environ)
    shutil.copytree(untouched.project, project)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        environ[name] = str(shutil.copy(environ[name], tmp_path / name))
    return replace(untouched, project=project, environ=environ)


def swap(world: World) -> dict[str, str]:
    path = Path(world.environ["AWS_SHARED_CREDENTIALS_FILE"])
    text = path.read_text()
    path.write_text(
        text.replace("[account_a]", "[x]").replace("[account_b]", "[account_a]").replace("[x]", "[account_b]")
    )
    return {}


def no_credentials(world: World) -> dict[str, str]:
    Path(world.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text("[account_a]\n[account_b]\n")
    return {}


def no_profile(world: World) -> dict[str, str]:
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        path = Path(world.environ[name])
        path.write_text(path.read_text().replace("account_b", "other"))
    return {}


def wrong_key(world: World) -> dict[str, str]:
    keys = "aws_access_key_id = AKIAWRONGWRONGWRONG0\naws_secret_access_key = x\n"
    Path(world.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(f"[account_a]\n{keys}[account_b]\n{keys}")
    return {}


def key_without_secret(world: World) -> dict[str, str]:
    keys = "aws_access_key_id = AKIAWRONGWRONGWRONG0\n"
    Path(world.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(f"[account_a]\n{keys}[account_b]\n{keys}")
    return {}


def mfa(world: World) -> dict[str, str]:
    path = Path(world.environ["AWS_CONFIG_FILE"])
    asking = (
        "role_arn = arn:aws:iam::111111111111:role/x\nsource_profile = account_b\nmfa_serial = arn:aws:iam::2:mfa/me"
    )
    path.write_text(path.read_text().replace("[profile account_a]", f"[profile account_a]\n{asking}"))
    return {}


def no_terraform(world: World) -> dict[str, str]:
    return {"TFDRIVER_TERRAFORM": "/nowhere/terraform"}


def garbage_terraform(world: World) -> dict[str, str]:
    shim = world.project.with_name("garbage")
    shim.write_text("#!/bin/sh\necho hello\n")
    shim.chmod(0o755)
    return {"TFDRIVER_TERRAFORM": str(shim)}


def dead_endpoint(world: World) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


def no_provider_where_named(world: World) -> dict[str, str]:
    return {"TFDRIVER_PLUGIN_DIR": str(world.project)}


def unknown_module(world: World) -> dict[str, str]:
    spec = world.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("team_b_bar_app", "team_b_baz_app"))
    return {}


def unmanaged_file(world: World) -> dict[str, str]:
    folder = world.project / "compositions/account_a"
    folder.mkdir(parents=True)
    (folder / "z_override.tf").write_text("")
    return {}


@pytest.mark.parametrize(
    ("breaks", "problem"),
    [
        (
            swap,
            "profile account_a is in account 222222222222, not in 111111111111, which is account_b: are the profiles",
        ),
        (no_credentials, "the profile has no complete credentials"),
        (key_without_secret, "the profile has no complete credentials"),
        (
            no_profile,
            "the AWS profile does not exist Add `--only account_a` to the command if another team runs",
        ),
        (wrong_key, "AWS does not accept the credentials (InvalidClientTokenId)"),
        (mfa, "the profile asks for an MFA code"),
        (no_terraform, "/nowhere/terraform is not an executable file"),
        (garbage_terraform, "`version -json` printed no version"),
        (dead_endpoint, "AWS cannot be reached"),
        (no_provider_where_named, "neither registry.terraform.io/hashicorp/aws"),
        (unknown_module, "team_b_bar_app"),
        (unmanaged_file, "z_override.tf: Terraform would load this file"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_refused_at_once(copied: World, breaks, problem):
    world = copied
    environ = breaks(world)
    files = sorted(world.project.rglob("*"))
    before = len(world.calls())
    up = world.tfdriver("up", "--yes", **environ)
    assert up.returncode == 1
    assert problem in " ".join(up.stderr.split())
    assert len(up.stderr.strip().splitlines()) <= 2  # the problem and the hint
    assert up.stdout == ""
    assert sorted(world.project.rglob("*")) == files
    assert {c["action"] for c in world.calls(before)} <= {"GetCallerIdentity", "GetRole"}


def test_a_missing_provider_is_reported_before_anything_is_created(copied: World, tmp_path: Path):
    """Without a registry and a mirror, init fails and AWS is unchanged."""
    config = tmp_path / "no-provider.rc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/none"\n  }}\n}}\n')
    up = copied.tfdriver("up", "--yes", TF_CLI_CONFIG_FILE=str(config), TFDRIVER_PLUGIN_DIR="")
    assert up.returncode == 1
    assert "TFDRIVER_PLUGIN_DIR" in up.stderr
    assert copied.writes() == []
