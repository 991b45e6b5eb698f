"""The figures of a run of the benchmarks, and their medians. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.exposure import Exposure
from tests.benchmarks.measure import Cost


@dataclass(frozen=True)
class Key:
    """accounts: number of trusting accounts; competitor, operation: as in `competitors`."""

    accounts: int
    competitor: str
    operation: str


@dataclass(frozen=True)
class Measured:
    """The cost of an operation, and how long it left trust policies broad."""

    cost: Cost
    exposure: Exposure


@dataclass(frozen=True)
class OwnShare:
    """What tfdriver itself uses for an `up` that changes nothing. cpu: seconds; memory: peak RSS in bytes."""

    accounts: int
    cpu: float
    memory: int


def medians(runs: Sequence[Measured]) -> Measured:
    """Return the median of each figure."""
    return Measured(
        Cost(
            median(run.cost.seconds for run in runs),
            median(run.cost.cpu for run in runs),
            int(median(run.cost.memory for run in runs)),
        ),
        Exposure(median(run.exposure.seconds for run in runs), int(median(run.exposure.roles for run in runs))),
    )
