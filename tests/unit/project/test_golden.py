"""Rendered compositions, compared with tests/golden. TFDRIVER_UPDATE_GOLDEN=1 updates the files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.project.cases import ALL, EXAMPLE, FLEET, MANY, TEMPLATES
from tfdriver.project.render import render, tfvars
from tfdriver.spec.compositions import Composition, values

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::222222222222:role/bar"]}}],
}


def rendered(composition: Composition) -> dict[str, str]:
    spec = {"foo-bar": EXAMPLE, "many": MANY, "fleet": FLEET}[composition.project]
    found = values(spec, composition, {role.key: TRUST for role in composition.roles})
    return {**render(composition, TEMPLATES), "terraform.tfvars.json": tfvars(found)}


@pytest.mark.parametrize("composition", ALL, ids=lambda c: f"{c.project}-{c.name}")
def test_rendered_files_equal_the_golden_files(composition: Composition) -> None:
    folder = GOLDEN / f"{composition.project}-{composition.name}"
    files = rendered(composition)
    if os.environ.get("TFDRIVER_UPDATE_GOLDEN"):
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_bytes(text.encode())
    assert files == {path.name: path.read_bytes().decode() for path in folder.iterdir()}
