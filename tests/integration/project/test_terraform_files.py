"""Modules, rendered compositions and hostile strings in real Terraform, without AWS."""

from __future__ import annotations

import json
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import light_environ
from tests.unit.builders import BAR, FOO, A, B, spec
from tests.unit.project.cases import ALL, EXAMPLE_TRUSTED, EXAMPLE_TRUSTING, MANY_TRUSTED, TEMPLATES
from tfdriver.project import assets
from tfdriver.project.lambda_zip import zip_folder
from tfdriver.project.render import render, tfvars
from tfdriver.spec.compositions import Composition, Side, values
from tfdriver.terraform import hcl_writer
from tfdriver.terraform.environment import terraform_environment
from tfdriver.terraform.program import find_program
from tfdriver.terraform.provider_installation import cli_config

pytestmark = pytest.mark.integration

Run = Callable[..., str]

NASTY = [
    "",
    '"',
    '"\n}\nresource "null_resource" "x" {}',
    '${file("/etc/passwd")}',
    "%{for x in [1]}%{endfor}",
    "$${x}",
    "$$${x}",
    "$$$${x}",
    "%%{x}",
    "%%%{if true}",
    "$",
    "${",
    "%{",
    "}",
    "<<EOT\nx\nEOT\n",
    "<<-EOT",
    "\\",
    "\\n",
    '\\"',
    "\\${x}",
    "\\u0041",
    "\r\n\t\0\x1b\x7f\x85",
    "// # /* */",
    "{{ 7 * 7 }}{% raw %}",
    "été e\u0301 日本 😀 \u202e\u2028\ufeff\U000e0001",
    " leading and trailing ",
    "'",
    "`id`$(id)",
    "x" * 5000,
]


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs Terraform in a folder, checks for exit code 0 and returns stdout."""
    environ = light_environ()
    program = find_program(environ)
    environment = terraform_environment(environ, cli_config(environ, tmp_path_factory.mktemp("config")))

    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [*program.argv, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def test_modules_and_rendered_compositions_are_formatted(tmp_path: Path, terraform: Run) -> None:
    shutil.copytree(assets.modules(), tmp_path / "modules")
    for composition in ALL:
        write(tmp_path / composition.project / composition.name, render(composition, TEMPLATES))
    assert terraform(tmp_path, "fmt", "-check", "-recursive", "-diff") == ""


@pytest.mark.parametrize("composition", [EXAMPLE_TRUSTING, EXAMPLE_TRUSTED], ids=lambda c: c.side)
def test_the_example_is_valid(tmp_path: Path, terraform: Run, composition: Composition) -> None:
    shutil.copytree(assets.modules(), tmp_path / "modules")
    module = {Side.TRUSTING: "team_a_foo_ddb", Side.TRUSTED: "team_b_bar_app"}[composition.side]
    (role,) = composition.roles
    numbers = {"table_name": "TestTable", "read_capacity": 5} if composition.side is Side.TRUSTING else {}
    role = replace(role, source=f"../../modules/{module}", variables=numbers)
    files = render(replace(composition, roles=(role,)), TEMPLATES)
    folder = write(tmp_path / "compositions" / composition.name, files)
    terraform(folder, "init", "-no-color")

    result = json.loads(terraform(folder, "validate", "-json"))

    assert (result["valid"], result["diagnostics"]) == (True, [])


@pytest.mark.parametrize("module", ["trusting_role", "trusted_role"])
def test_a_module_for_daily_use_passes_its_own_tests(tmp_path: Path, terraform: Run, module: str) -> None:
    folder = shutil.copytree(assets.modules() / module, tmp_path / module)
    terraform(folder, "init", "-no-color")

    printed = terraform(folder, "test", "-no-color")

    assert "0 failed" in printed
    assert json.loads(terraform(folder, "validate", "-json"))["valid"]


def test_the_lambda_module_requires_a_table_for_each_role(tmp_path: Path, terraform: Run) -> None:
    variables = (assets.modules() / "team_b_bar_app" / "variables.tf").read_text()
    assume = [{"role": "foo", "arn": "arn:aws:iam::1:role/foo", "region": "us-west-2", "variables": {}}]
    values = {"role_name": "bar", "package": "bar.zip", "roles_to_assume": assume}
    folder = write(tmp_path, {"variables.tf": variables, "terraform.tfvars.json": json.dumps(values)})
    with pytest.raises(AssertionError, match=r"needs a\s+variable table_name"):
        terraform(folder, "plan", "-no-color")


STUB = """
variable "role_name" {}
variable "role_path" {}
variable "trust_policy" { default = null }
variable "roles_to_assume" { default = null }
variable "nasty" { default = null }
output "role_arn" { value = var.role_name }
output "probe" { value = [var.trust_policy, var.roles_to_assume, var.nasty] }
"""
STUB_WITHOUT_PROBE = STUB.partition('output "probe"')[0]


def outputs(folder: Path, terraform: Run) -> dict[str, Any]:
    """Apply a composition without resources and return its outputs."""
    terraform(folder, "init", "-no-color")
    terraform(folder, "apply", "-auto-approve", "-no-color")
    return {name: output["value"] for name, output in json.loads(terraform(folder, "output", "-json")).items()}


def test_values_pass_through_a_composition_unchanged(tmp_path: Path, terraform: Run) -> None:
    """From tfvars through the rendered files and a module into the outputs, also for a module without a probe."""
    write(tmp_path / "modules" / "m", {"main.tf": STUB})
    write(tmp_path / "modules" / "plain", {"main.tf": STUB_WITHOUT_PROBE})
    foo = replace(FOO, variables={"nasty": [*NASTY, 5, 1.5, True, None, {"${a}": "%{b}"}]})
    other = replace(FOO, key="no-probe", name="other", source="../../modules/plain", variables={})
    composition = Composition("account_a", "p", A, Side.TRUSTING, (foo, other))
    document = {"Statement": [{"Sid": text} for text in NASTY]}
    found = values(spec(foo, other, BAR), composition, {"foo_bar": document, "no-probe": {}})
    files = {**render(composition, TEMPLATES), "terraform.tfvars.json": tfvars(found)}

    found = outputs(write(tmp_path / "compositions" / "account_a", files), terraform)

    trust_policy, _, nasty = found["probes"]["foo_bar"]
    assert nasty == [*map(normalized, NASTY), 5, 1.5, True, None, {"${a}": "%{b}"}]
    assert [s["Sid"] for s in json.loads(trust_policy)["Statement"]] == [normalized(text) for text in NASTY]
    assert found["probes"]["no-probe"] is None
    assert found["roles_to_be_assumed"] == {"foo_bar": "foo_bar", "no-probe": "other"}


def test_keywords_of_terraform_are_valid_names(tmp_path: Path, terraform: Run) -> None:
    write(tmp_path / "modules" / "m", {"main.tf": STUB_WITHOUT_PROBE})
    words = "for null true if in count each var local module self path terraform data output".split()
    roles = tuple(replace(BAR, key=word, name=f"n-{word}") for word in words)
    composition = Composition("account_b", "p", B, Side.TRUSTED, roles)
    files = {
        **render(composition, TEMPLATES),
        "terraform.tfvars.json": tfvars(values(spec(*roles), composition, {})),
    }
    found = outputs(write(tmp_path / "compositions" / "account_b", files), terraform)
    assert found["roles_which_will_assume"] == {word: f"n-{word}" for word in words}


def test_terraform_reads_quoted_literals_unchanged(tmp_path: Path, terraform: Run) -> None:
    lines = "".join(f"  {hcl_writer.quoted(text)},\n" for text in NASTY)
    found = outputs(write(tmp_path, {"main.tf": f'output "nasty" {{\n  value = [\n{lines}]\n}}\n'}), terraform)
    assert found["nasty"] == [normalized(text) for text in NASTY]


def normalized(text: str) -> str:
    """Normalize text as Terraform does (cty's documentation, "Strings")."""
    return unicodedata.normalize("NFC", text)


def test_the_committed_zip_matches_its_code() -> None:
    committed = Path(__file__).resolve().parents[3] / "compositions" / "account_b" / "bar.zip"
    assert committed.read_bytes() == zip_folder(assets.modules() / "team_b_bar_app" / "lambda")


def test_compositions_with_long_names_are_formatted(tmp_path: Path, terraform: Run) -> None:
    roles = tuple(
        replace(role, key=f"{role.key}_{n}" + "y" * n, source="../../modules/m" + "z" * n)
        for n in (1, 20, 60)
        for role in MANY_TRUSTED.roles
    )
    write(tmp_path, render(replace(MANY_TRUSTED, roles=roles), TEMPLATES))
    assert terraform(tmp_path, "fmt", "-check", "-diff") == ""
