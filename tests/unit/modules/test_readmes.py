"""What the READMEs of the modules show: skeletons that keep the contract, examples that are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tfdriver.errors import TfdriverError
from tfdriver.project import assets
from tfdriver.project.init import init
from tfdriver.spec.load import load_spec

ACCOUNTS = {
    name: {"id": f"{number:012}", "region": "us-west-2"}
    for number, name in enumerate(("data", "tools", "apps"), start=1)
}
DOCS = assets.modules().parent / "docs/modules.md"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def load(root: Path, roles: dict[str, object]) -> None:
    spec = {"version": 1, "project": "p", "accounts": ACCOUNTS, "roles": roles}
    (root / "tfdriver.yaml").write_text(yaml.safe_dump(spec))
    load_spec(root, regions=dict, profile_region=lambda _: None)


def test_each_skeleton_keeps_the_contract_and_has_20_lines(tmp_path: Path) -> None:
    skeletons = blocks((assets.modules() / "README.md").read_text(), "hcl")[:2]
    for name, text in zip(("trusting", "trusted"), skeletons, strict=True):
        assert text.count("\n") <= 20
        (tmp_path / "modules" / name).mkdir(parents=True)
        (tmp_path / "modules" / name / "main.tf").write_text(text)

    load(
        tmp_path,
        {
            "reports": {"account": "data", "module": "trusting", "trusts": ["exporter"]},
            "exporter": {"account": "apps", "module": "trusted"},
        },
    )


@pytest.mark.parametrize("page", ["trusting_role/README.md", "trusted_role/README.md", "modules.md"])
def test_the_roles_of_the_examples_are_valid(tmp_path: Path, page: str) -> None:
    init(tmp_path)
    text = (DOCS if page == DOCS.name else assets.modules() / page).read_text()
    (roles,) = (
        found["roles"]
        for found in map(yaml.safe_load, blocks(text, "yaml"))
        if "trusted_role" in str(found) or "trusting_role" in str(found)
    )
    trusts = [other for role in roles.values() for other in role.get("trusts", ())]
    roles |= {other: {"account": "tools", "module": "trusted_role"} for other in trusts if other not in roles}
    if not trusts:
        roles |= {"reports": {"account": "data", "module": "trusting_role", "trusts": list(roles)}}

    load(tmp_path, roles)


@pytest.mark.parametrize(
    ("grants", "oidc", "message"),
    [
        ([{"arn": "arn:aws:s3:::b", "prefixes": "a/"}], {"audience": "a", "subjects": []}, "Did you mean prefix?"),
        ([{"arn": "arn:aws:s3:::b"}], {"subjects": ["repo:a/b:ref:c"]}, "audience is missing"),
    ],
)
def test_a_mistake_is_found_before_terraform_runs(tmp_path: Path, grants: object, oidc: object, message: str) -> None:
    init(tmp_path)
    roles = {
        "reports": {"account": "data", "module": "trusting_role", "variables": {"s3_read": grants}, "trusts": ["ci"]},
        "ci": {"account": "tools", "module": "trusted_role", "variables": {"oidc": oidc}},
    }

    with pytest.raises(TfdriverError) as found:
        load(tmp_path, roles)

    assert message in str(found.value)
