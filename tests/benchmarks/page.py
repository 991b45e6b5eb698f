"""The text of docs/performance.md. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.results import Key, Measured, OwnShare

ONE_ROOT, SCRIPT, TFDRIVER, WITHOUT_PROXY = COMPETITORS = ("one root", "script", "tfdriver", "tfdriver, no proxy")
OPERATIONS = {"up": "up, without verify", "again": "up again, nothing to do", "verify": "verify", "destroy": "destroy"}
_MB = 1_000_000

_HEAD = """\
# Performance

Written by `make bench`; do not edit. {machine}

Each cell is the duration, the processor time, and the peak memory of all processes together, without the sandbox: the
median of {runs}. Each run is in a new folder, all in one sandbox, and the competitors take turns. Memory is PSS, in
which a page that several processes share counts once.

- **one root**: one Terraform root module with a provider alias for each account, hence with the credentials of all
  accounts. It needs no broad trust.
- **script**: [the three phases as a shell script](../tests/benchmarks/script.sh), in the compositions that tfdriver
  renders. Its second `up` leaves out phase 1, which would open the trust again.
- **tfdriver**: `tfdriver up --yes --no-verify`, `tfdriver verify`, `tfdriver destroy --yes`.
- **tfdriver, no proxy**: the same with `TFDRIVER_PROXY=0`.

The first `up` includes `terraform init` for all. None of them repeats it.
"""
_OWN = """\
## tfdriver's own share

`tfdriver up --yes --no-verify` with nothing to do, a Terraform that does nothing, and an AWS that answers with prepared
text. The figures are of one run and of the process of tfdriver alone: processor time and peak RSS. "Each further
account" is the difference to the line above, per account.

| trusting accounts | processor time | memory | each further account |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Goal:
    """A figure and its goal: `value` is to be at most `limit`. unit: `` for a ratio."""

    what: str
    value: float
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        met = "yes" if self.value <= self.limit else "no"
        return f"| {self.what} | {self.value:.2f}{self.unit} | {self.limit:g}{self.unit} | {met} |"


def page(figures: Mapping[Key, Measured], own: Sequence[OwnShare], runs: int, machine: str) -> str:
    """Return the page. figures: medians; own: by number of accounts, ascending; machine: a sentence about it."""
    how_many = f"{runs} runs" if runs > 1 else "one run"
    parts = [_HEAD.format(machine=machine, runs=how_many)]
    parts += [_table(accounts, figures) for accounts in sorted({key.accounts for key in figures})]
    parts.append("## Goals\n\n| figure | measured | at most | met |\n|---|---|---|---|\n")
    parts[-1] += "".join(f"{goal}\n" for goal in goals(figures, own))
    parts.append(_OWN + "".join(f"{line}\n" for line in _own_lines(own)))
    return "\n".join(parts)


def goals(figures: Mapping[Key, Measured], own: Sequence[OwnShare]) -> list[Goal]:
    """Return the goals whose figures were measured."""

    def of(accounts: int, competitor: str, operation: str = "up") -> Measured:
        return figures[Key(accounts, competitor, operation)]

    found: list[Goal] = []
    sizes = {key.accounts for key in figures}
    if 1 in sizes:
        up, root, alone = of(1, TFDRIVER), of(1, ONE_ROOT), of(1, WITHOUT_PROXY)
        destroy, root_destroy = of(1, TFDRIVER, "destroy"), of(1, ONE_ROOT, "destroy")
        found += [
            Goal("1 pair: up / one root", up.cost.seconds / root.cost.seconds, 0.9),
            Goal("1 pair: destroy / one root", destroy.cost.seconds / root_destroy.cost.seconds, 0.5),
            Goal("1 pair: broad trust", up.exposure.seconds, 4, " s"),
            Goal("1 pair, no proxy: up / script", alone.cost.seconds / of(1, SCRIPT).cost.seconds, 1),
            Goal("1 pair: up again, nothing to do", of(1, TFDRIVER, "again").cost.seconds, 4, " s"),
            Goal("1 pair: verify", of(1, TFDRIVER, "verify").cost.seconds, 6, " s"),
        ]
    for size in sorted(sizes - {1}):
        up, root = of(size, TFDRIVER), of(size, ONE_ROOT)
        found += [
            Goal(f"{size} accounts: up / one root", up.cost.seconds / root.cost.seconds, 0.6),
            Goal(f"{size} accounts: roles ever broad", up.exposure.roles, 1),
            Goal(f"{size} accounts: peak memory of up / one root", up.cost.memory / root.cost.memory, 1),
        ]
    if len(own) > 2:
        (cpu, memory), (last_cpu, last_memory) = (_each_further(*own[at : at + 2]) for at in (0, len(own) - 2))
        largest = own[-1].accounts
        found += [
            Goal(f"{largest} accounts: own time of a further account / of the first ones", last_cpu / cpu, 1.1),
            Goal(f"{largest} accounts: own memory of a further account / of the first ones", last_memory / memory, 1.1),
        ]
    return found


def _table(accounts: int, figures: Mapping[Key, Measured]) -> str:
    columns = [name for name in COMPETITORS if Key(accounts, name, "up") in figures]
    title = "1 pair" if accounts == 1 else f"{accounts} trusting accounts and 1 trusted role"
    lines = [f"## {title}\n", _line(["", *columns]), "|---" * (len(columns) + 1) + "|"]
    for operation, text in OPERATIONS.items():
        found = [figures.get(Key(accounts, name, operation)) for name in columns]
        lines.append(_line([text, *("-" if one is None else _cost(one) for one in found)]))
    up = [figures[Key(accounts, name, "up")].exposure for name in columns]
    lines.append(_line(["longest broad trust", *(f"{e.seconds:.1f} s" if e.roles else "none" for e in up)]))
    lines.append(_line(["roles that were broad", *(str(e.roles) for e in up)]))
    return "\n".join(lines) + "\n"


def _cost(measured: Measured) -> str:
    cost = measured.cost
    return f"{cost.seconds:.1f} s, {cost.cpu:.1f} cpu-s, {cost.memory / _MB:.0f} MB"


def _own_lines(own: Sequence[OwnShare]) -> Iterator[str]:
    for before, share in zip([None, *own], own, strict=False):
        further = "-"
        if before is not None:
            cpu, memory = _each_further(before, share)
            further = f"{cpu * 1000:.1f} ms, {memory / 1000:.0f} kB"
        yield _line([str(share.accounts), f"{share.cpu:.1f} cpu-s", f"{share.memory / _MB:.0f} MB", further])


def _each_further(before: OwnShare, after: OwnShare) -> tuple[float, float]:
    """Return processor time and memory per account that `after` has more than `before`."""
    more = after.accounts - before.accounts
    return (after.cpu - before.cpu) / more, (after.memory - before.memory) / more


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
