"""Every fault at every point: the invariants hold, and the next run has the result of an undisturbed run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.cell import play
from tests.faults.kinds import KINDS, Kind
from tests.faults.points import POINTS, Point
from tests.faults.scene import Start

CELLS = [(point, kind) for point in POINTS for kind in KINDS if not kind.excluded(point)]


@pytest.mark.faults
@pytest.mark.parametrize(("point", "kind"), CELLS, ids=[f"{p.title}: {k.title}".replace(" ", "-") for p, k in CELLS])
def test_cell(point: Point, kind: Kind, starts: Mapping[str, Start], tmp_path: Path, record_property) -> None:
    record_property("cell", (point.title, kind.title))
    row = play(point, kind, starts, tmp_path)
    record_property("row", (row.result, row.next_run))
