"""A sample of the matrix for `make test`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.cell import play
from tests.faults.kinds import KINDS
from tests.faults.points import DESTROY_B, DURING_1, DURING_2, DURING_3, Point
from tests.faults.scene import Start

SAMPLE = [
    (DURING_1, "Terraform SIGKILL"),
    (DURING_2, "driver SIGKILL"),
    (DURING_3, "AWS refuses"),
    (DESTROY_B, "provider SIGKILL"),
]


@pytest.mark.integration
@pytest.mark.xdist_group("faults")  # the starts take as long as two cells, so they are made in one process only
@pytest.mark.parametrize(("point", "title"), SAMPLE, ids=[f"{p.title}: {t}".replace(" ", "-") for p, t in SAMPLE])
def test_a_fault_and_the_run_after_it(point: Point, title: str, starts: Mapping[str, Start], tmp_path: Path) -> None:
    (kind,) = (kind for kind in KINDS if kind.title == title)
    row = play(point, kind, starts, tmp_path)
    assert row.next_run.startswith(f"{point.command}: exit 0")
