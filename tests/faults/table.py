"""The table of results: collected from the tests' reports, printed at the end, written to docs/."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.kinds import KINDS, PROXY
from tests.faults.points import POINTS
from tests.faults.s3_faults import S3_FAULTS
from tests.faults.s3_faults import TITLE as IN_S3

_WALK = re.compile(r"^- (seed \d+, \d+ kills): (.*)$", re.MULTILINE)
FILE = Path(__file__).parents[2] / "docs" / ("faults.md" if PROXY else "faults-without-proxy.md")

_HEAD = """\
# Results of the fault tests

Written by `make test-faults`; do not edit. Each line is one run of tfdriver as a separate process, with real Terraform
and the real AWS provider, against the sandbox, {proxy} the provider proxy. The sandbox holds the call at which the
fault happens until the fault has happened. These invariants are checked after the faulted run and after the next run:

- I1: no call in the sandbox's log widened a trust policy; only phase 1 creates a role with a broad one;
- I2: after the next run, every resource in AWS is in a state, and every state can be read;
- I3: the next run of the same command has the result of an undisturbed run: the same trust policy and resources;
- I4: the run exits with 3 and reports who is trusted, until when and what to run, if and only if a broad trust is in
  force, or may be in force where AWS refuses to return the role;
- I5: resources with similar names in both accounts are unchanged;
- I6: no process is left, private files are private, no planted secret is in any file or output.

Exit codes: 0 done, 1 failed, 3 stopped with a broad trust in force.
""".format(proxy="with" if PROXY else "without")


class Results:
    """A pytest plugin that collects the results of cells and walks.

    A run of the whole matrix writes the file. With TFDRIVER_FAULTS_MERGE set, each result is merged into the file at
    once, to continue a run that was interrupted.
    """

    def __init__(self) -> None:
        self._merges = bool(os.environ.get("TFDRIVER_FAULTS_MERGE"))
        kept = FILE.read_text(encoding="utf-8") if self._merges and FILE.exists() else ""
        self._rows: dict[tuple[str, ...], tuple[str, ...]] = _rows(kept)
        self._walks: dict[str, str] = dict(_WALK.findall(kept))
        self._played = False

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Collect the result that a test recorded."""
        kept = dict(report.user_properties)
        self._played = self._played or "cell" in kept or "walk" in kept
        if "cell" in kept and (report.when == "call" or report.failed or report.skipped):
            self._rows[tuple(kept["cell"])] = tuple(kept["row"]) if "row" in kept else _not_played(report)
        if "walk" in kept and report.when == "call":
            self._walks[kept["walk"]] = "all converged" if report.passed else "FAILED"
        if self._merges and self._played:
            FILE.write_text(self.text(), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the table, and write the file if the matrix is complete."""
        if not self._played:
            return
        text = self.text()
        terminalreporter.write_line(text)
        if all((p.title, k.title) in self._rows for p in POINTS for k in KINDS if not k.excluded(p)):
            FILE.write_text(text, encoding="utf-8")

    def text(self) -> str:
        """Return the table as Markdown, in the order of the matrix."""
        return "\n".join([_HEAD, *self._sections(), *self._in_s3(), *self._kills()]).rstrip() + "\n"

    def _sections(self) -> Iterator[str]:
        for point in POINTS:
            rows = [(k.title, *self._rows[point.title, k.title]) for k in KINDS if (point.title, k.title) in self._rows]
            if not rows:
                continue
            yield f"## {point.title[0].upper()}{point.title[1:]}: `tfdriver {point.command}`\n"
            yield from _lines(rows)
            absent = [f"{k.title} ({why})" for k in KINDS if (why := k.excluded(point))]
            yield f"\nNot played: {'; '.join(absent)}.\n" if absent else ""

    def _in_s3(self) -> Iterator[str]:
        rows = [(f.title, *self._rows[IN_S3, f.title]) for f in S3_FAULTS if (IN_S3, f.title) in self._rows]
        if rows:
            yield f"## {IN_S3}: `tfdriver up`\n"
            yield from _lines(rows)
            yield ""

    def _kills(self) -> Iterator[str]:
        if self._walks:
            yield "## Random kills\n"
            yield (
                "Each walk runs random commands of `up`, `tighten` and `destroy` and kills or interrupts tfdriver, "
                "Terraform, its provider or the whole group at random moments.\n"
            )
            yield from (f"- {walk}: {result}" for walk, result in sorted(self._walks.items()))


def _rows(text: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the rows of a table in Markdown, by point and fault."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    titles, faults = [IN_S3, *(p.title for p in POINTS)], {fault.title for fault in (*KINDS, *S3_FAULTS)}
    title = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("## "):
            title = next((one for one in titles if line.lower().startswith(f"## {one.lower()}:")), "")
        elif len(cells) == 3 and title and cells[0] in faults:
            found[title, cells[0]] = (cells[1], cells[2])
    return found


def _lines(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| fault | after the faulted run | the next run |\n|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _not_played(report: Any) -> tuple[str, str]:
    if report.skipped:
        return f"not played: {str(report.longrepr[2]).removeprefix('Skipped: ')}", ""
    return "FAILED", ""
