"""Hostile specs, templates and answers, with the whole program and real Terraform."""

from __future__ import annotations

import json
import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.conftest import World, light_environ, make_world
from tests.integration.project.test_terraform_files import NASTY
from tests.unit.test_clean import HIDDEN as PLANTED
from tests.unit.test_clean import SECRET_TEXTS
from tfdriver.cli import main
from tfdriver.interrupts import Interrupts
from tfdriver.project.init import init
from tfdriver.terraform.environment import terraform_environment
from tfdriver.terraform.program import find_program
from tfdriver.terraform.provider_hosts import ProviderHosts
from tfdriver.terraform.provider_installation import cli_config
from tfdriver.terraform.runner import Root, Settings

pytestmark = pytest.mark.integration

MODULE = """
variable "role_name" {}
variable "role_path" {}
variable "trust_policy" { default = null }
variable "roles_to_assume" { default = null }
variable "nasty" { default = null }
output "role_arn" { value = "${var.role_path}${var.role_name}" }
output "probe" { value = [var.trust_policy, var.roles_to_assume, var.nasty] }
"""
# A project's own template that outputs Terraform's variables.
INPUTS = 'output "inputs" {\n  value = [var.profile, var.region, var.account_id, var.tags, var.roles]\n}\n'

# Each value is as hostile as the spec allows.
PROJECT = "../../etc/passwd = a:b@c +- é 日本"
PROFILE = "--help $(id) `id` \"x\" 'y' \\ %{if true} {{ 7*7 }} <<EOT ; & | * ~"
PATH = "/%{if}/\"'`\\/<<EOT/{{7-7}}/../;&|~/"
ROLE_NAME = "../+=,.@-_".replace("/", "")
EXTERNAL_ID = "../../=+,.@:/-_"
SOURCE = "./odd \"quoted\" 'm' <<EOT {{ 7*7 }} #; é"


def spec_with(nasty: Any) -> dict[str, Any]:
    role = {"account": "a", "module": SOURCE, "variables": {"nasty": nasty}}
    return {
        "version": 1,
        "project": PROJECT,
        "accounts": {
            "a": {"id": "111111111111", "profile": PROFILE, "region": "us-west-2"},
            "b": {"id": "222222222222", "region": "us-west-2"},
        },
        "roles": {
            "foo": {**role, "name": ROLE_NAME, "path": PATH, "external_id": EXTERNAL_ID, "trusts": ["bar"]},
            "bar": {"account": "b", "module": SOURCE},
        },
    }


def write(project: Path, spec: dict[str, Any]) -> None:
    files = {"tfdriver.yaml": yaml.safe_dump(spec), f"{SOURCE}/main.tf": MODULE, "templates/inputs.tf.j2": INPUTS}
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    (project / "tfdriver.yaml").chmod(0o600)


def outputs(folder: Path, home: Path) -> dict[str, Any]:
    """Apply a composition that makes no resources, with the provider proxy and without it; return what it outputs."""
    environ = light_environ()
    environment = terraform_environment(environ, cli_config(environ, home)) | {"XDG_CACHE_HOME": str(home)}
    notes: list[str] = []
    hosts = ProviderHosts(environment, 1, notes.append)
    plain = Settings(find_program(environ), environment, Interrupts())
    try:
        roots = [Root(folder, settings) for settings in (replace(plain, hosts=hosts), plain)]
        roots[0].init()
        proxied, found = (dict(root.apply(root.plan()).outputs) for root in roots)
    finally:
        hosts.close()
    assert proxied == found
    assert notes == []
    assert list((home / "tfdriver/schemas").iterdir())  # the proxy was used
    return found


def normal(value: Any) -> Any:
    """Normalize text as Terraform does (cty's documentation, "Strings")."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [normal(inner) for inner in value]
    return {normal(key): normal(inner) for key, inner in value.items()} if isinstance(value, dict) else value


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(texts, min_size=100, max_size=200))
def test_terraform_reads_any_string_of_a_spec_unchanged(tmp_path: Path, generated: list[str]) -> None:
    shutil.rmtree(tmp_path / "p", ignore_errors=True)
    deep = {"a": [{"b": [NASTY, {text: text for text in [*NASTY, *generated]}]}, generated]}
    write(tmp_path / "p", spec_with(deep))

    assert main.run(["-C", str(tmp_path / "p"), "render"]) == 0
    found = outputs(tmp_path / "p/compositions/a", tmp_path)

    profile, region, account_id, tags, roles = found["inputs"]
    assert (profile, region, account_id) == (PROFILE, "us-west-2", "111111111111")
    assert tags == normal({"tfdriver:project": PROJECT, "tfdriver:composition": "a"})
    assert roles["foo"]["variables"]["nasty"] == normal(deep)
    assert found["roles_to_be_assumed"] == {"foo": PATH + ROLE_NAME}
    trust_policy, _, nasty = found["probes"]["foo"]
    assert nasty == normal(deep)
    assert EXTERNAL_ID in json.dumps(json.loads(trust_policy))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["p", "tfdriver"]


def test_terraform_reads_a_hostile_module_source_unchanged(tmp_path: Path) -> None:
    write(tmp_path / "p", spec_with(None))
    assert main.run(["-C", str(tmp_path / "p"), "render"]) == 0
    outputs(tmp_path / "p/compositions/a", tmp_path)
    known = json.loads((tmp_path / "p/compositions/a/.terraform/modules/modules.json").read_text())["Modules"]
    assert [m["Source"] for m in known if m["Key"] == "foo"] == [f"../.{SOURCE}"]


ENVIRONMENT = {
    "GITHUB_TOKEN": "ghp_planted0in0the0environment",
    "TF_VAR_password": "planted-password-1",
    "DATABASE_PASSWORD": "planted-password-2",
    "AWS_SECRET_ACCESS_KEY": "planted-password-3",
    "AWS_SESSION_TOKEN": "planted-password-4",
}


@pytest.fixture
def leaking(tmp_path: Path):
    """A world in which AWS repeats request signatures and secrets of the environment in its errors."""
    project = tmp_path / "foo-bar"
    init(project)
    faults = tmp_path / "faults.yaml"
    message = " ".join(" ".join([*SECRET_TEXTS.values(), *ENVIRONMENT.values()]).split())
    error = {"status": 400, "code": "IncompleteSignature", "message": message}
    rules = [
        {"call": "iam:CreateRole", "account": "222222222222", "error": error},
        {"call": "iam:GetRole", "if": str(tmp_path / "armed"), "error": error},
    ]
    faults.write_text(yaml.safe_dump({"faults": rules}))
    yield from make_world(project, tmp_path, faults)


@pytest.mark.long
@pytest.mark.plain_terraform
def test_secrets_are_in_no_output_and_no_file(leaking: World, tmp_path: Path) -> None:
    credentials = Path(leaking.environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
    keys = [line.split("=", 1)[1].strip() for line in credentials.splitlines() if "=" in line]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ = {**ENVIRONMENT, "TMPDIR": str(temporary)}

    runs = [leaking.tfdriver("-vv", "up", "--yes", **environ)]
    assert runs[0].returncode == 3
    assert "IncompleteSignature" in runs[0].stderr
    (tmp_path / "armed").touch()
    for arguments in (["-vv", "up", "--yes", "--json"], ["-vv", "status", "--json"], ["-vv", "explain", "foo_bar"]):
        runs.append(leaking.tfdriver(*arguments, **environ))
        assert "IncompleteSignature" in runs[-1].stdout + runs[-1].stderr

    texts = {f"output {number}": (run.stdout + run.stderr).encode() for number, run in enumerate(runs)}
    files = [p for folder in (leaking.project, temporary) for p in folder.rglob("*") if p.is_file()]
    texts |= {str(p): p.read_bytes() for p in files if ".terraform" not in p.parts and not p.is_symlink()}
    assert any(name.endswith("apply.jsonl") for name in texts)
    secrets = [*keys, *ENVIRONMENT.values(), *PLANTED]
    assert len(secrets) > 10
    found = [(name, secret) for name, text in texts.items() for secret in secrets if secret.encode() in text]
    assert found == []
