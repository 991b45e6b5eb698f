"""Every format equals its file in tests/golden/graph. TFDRIVER_UPDATE_GOLDEN=1 updates the files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.inspect.graph.cases import ALL, EXAMPLE, LIVE, NOW
from tfdriver.inspect.graph.draw import Format, draw

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "graph"
CASES = {
    "example": lambda form: draw(EXAMPLE, form, NOW),
    "example-phases": lambda form: draw(EXAMPLE, form, NOW, three_phases=True),
    "all-states": lambda form: draw(ALL, form, NOW, observation=LIVE),
}


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("name", CASES)
def test_a_format_equals_its_golden_file(name, form):
    path = GOLDEN / f"{name}.{form}"
    text = CASES[name](form)
    if os.environ.get("TFDRIVER_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def test_every_golden_file_is_used():
    assert {p.name for p in GOLDEN.iterdir()} == {f"{name}.{form}" for name in CASES for form in Format}
