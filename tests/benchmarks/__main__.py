"""Runs the benchmarks and writes docs/performance.md: `make bench`, or `make bench RUNS=1`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.competitors import COMPETITORS, OPERATIONS, TFDRIVER, Competitor
from tests.benchmarks.exposure import exposure
from tests.benchmarks.measure import adopt_orphans, measure, total
from tests.benchmarks.own_share import measure_own_share
from tests.benchmarks.page import page
from tests.benchmarks.projects import REPOSITORY, write_project
from tests.benchmarks.results import Key, Measured, OwnShare, medians

ACCOUNTS, OWN = [1, 12], [10, 100, 1000]
_PAGE = REPOSITORY / "docs/performance.md"


def main() -> None:
    """Run the benchmarks: in a sandbox, which is started first."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="rounds; each figure is their median")
    parser.add_argument("--accounts", type=int, nargs="*", default=ACCOUNTS, help="numbers of trusting accounts")
    parser.add_argument("--own", type=int, nargs="*", default=OWN, help="the same for tfdriver's own share")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)  # the folder, inside the sandbox
    options = parser.parse_args()
    if options.inside:
        _run(options.inside, options.runs, options.accounts, options.own)
        return
    with tempfile.TemporaryDirectory(prefix="tfdriver-bench-") as name:
        folder = Path(name)
        write_project(folder / "sandbox", max(options.accounts, default=1))
        command = [TFDRIVER, "-C", str(folder / "sandbox"), "sandbox", "--log", str(folder / "calls.jsonl"), "--"]
        command += [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:], "--inside", name]
        environ = os.environ | {"PYTHONPATH": str(REPOSITORY), "CHECKPOINT_DISABLE": "1"}
        sys.exit(subprocess.run(command, env=environ, check=False).returncode)


def _run(folder: Path, runs: int, accounts: Sequence[int], own: Sequence[int]) -> None:
    """Measure, and write the page if everything was measured."""
    adopt_orphans()
    found: dict[Key, list[Measured]] = defaultdict(list)
    for number in range(runs):
        for count in accounts:
            for competitor in COMPETITORS:
                where = folder / f"{number}-{count}-{competitor.name.replace(' ', '-')}"
                for operation, measured in _operations(competitor, where, count, folder / "calls.jsonl"):
                    _report(f"run {number + 1}, {count}, {competitor.name}, {operation}: {measured}")
                    found[Key(count, competitor.name, operation)].append(measured)
    shares = [_own_share(folder, count) for count in own]
    text = page({key: medians(values) for key, values in found.items()}, shares, runs, _machine(folder))
    sys.stdout.write(text)
    if accounts == ACCOUNTS and own == OWN:
        _PAGE.write_text(text, encoding="utf-8")


def _operations(competitor: Competitor, folder: Path, count: int, log: Path) -> Iterator[tuple[str, Measured]]:
    """Yield each operation with what it cost."""
    competitor.prepare(folder, count)
    environ = {**os.environ, **competitor.environ}
    for operation in OPERATIONS:
        if commands := competitor.commands.get(operation):
            start = log.stat().st_size if log.exists() else 0
            cost = total([measure(command, folder, environ) for command in commands])
            with log.open("rb") as lines:
                lines.seek(start)
                yield operation, Measured(cost, exposure(map(json.loads, lines)))


def _own_share(folder: Path, count: int) -> OwnShare:
    """Return tfdriver's own share in one run: unlike durations, processor time hardly depends on other load."""
    where = folder / f"own-{count}"
    where.mkdir()
    share = measure_own_share(where, count)
    _report(str(share))
    return share


def _machine(folder: Path) -> str:
    """Return the sentence about the machine and the versions."""
    done = subprocess.run(["terraform", "version", "-json"], capture_output=True, check=True)
    lock = next(folder.glob("*/.terraform.lock.hcl"), None)
    provider = re.search(r'version *= "(.*)"', lock.read_text()) if lock else None
    versions = f"Terraform {json.loads(done.stdout)['terraform_version']}"
    versions += f", AWS provider {provider[1]}" if provider else ""
    return f"{os.cpu_count()} processors, {versions}, Python {platform.python_version()}."


def _report(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
