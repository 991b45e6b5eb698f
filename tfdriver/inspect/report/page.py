"""The report as one self-contained HTML page without scripts. Pure except for reading the template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.iam.wording import moment
from tfdriver.inspect.exposure import Uses
from tfdriver.inspect.graph.build import duration
from tfdriver.inspect.report.model import Report
from tfdriver.inspect.role_pairs import PairState
from tfdriver.inspect.status import Status
from tfdriver.project.render import page

_LONG = 120  # seconds; longer spans are printed without tenths
_WORD = 20  # characters that fit into every column
_LONG_WORD = re.compile(rf"\S{{{_WORD + 1},}}")
_PART, _PART_OF_NAME = re.compile(r"[^/:]*[/:]+|[^/:]+"), re.compile(r"[^_.,=@-]*[_.,=@-]+|[^_.,=@-]+")


@dataclass(frozen=True)
class Line:
    """A line of the summary. good: None if unknown; words: a sentence without a full stop."""

    good: bool | None
    words: str


def html(report: Report) -> str:
    """Return the page."""
    context = {
        "report": report,
        "status": report.status,
        "summary": list(summary(report)),
        "moment": moment,
        "iso": lambda text: moment(datetime.fromisoformat(text)) if text else "",
        "span": span,
        "uses": report.status.uses or (),
        "breakable": breakable,
        "is_policy": is_policy,
    }
    return page("report.html.j2", context)


def span(seconds: float) -> str:
    """Return a time span in words: `9.4 s`, `1 h 30 min`."""
    return f"{seconds:.1f} s" if seconds < _LONG else duration(timedelta(seconds=round(seconds)))


def breakable(words: str) -> Markup:
    """Return text as HTML in which long words, such as ARNs, may be broken, preferably between their parts."""
    found, end = Markup(), 0
    for word in _LONG_WORD.finditer(words):
        found += escape(words[end : word.start()]) + Markup("<wbr>").join(_parts(word[0]))
        end = word.end()
    return found + escape(words[end:])


def _parts(word: str) -> Iterator[str]:
    for part in _PART.findall(word):
        for piece in _PART_OF_NAME.findall(part) if len(part) > _WORD else [part]:
            yield from (piece[at : at + _WORD] for at in range(0, len(piece), _WORD))


def is_policy(text: str) -> bool:
    """Whether the evidence of a check is a policy document, which has its own section."""
    return text.startswith("{")


def summary(report: Report) -> Iterator[Line]:
    """Yield the lines of the summary."""
    status = report.status
    states = [pair.state for pair in status.pairs]
    unknown = states.count(PairState.UNREADABLE)
    exact = states.count(PairState.EXACT)
    good = None if unknown and exact + unknown == len(states) else exact == len(states)
    yield Line(good, f"{exact} of {len(states)} trusts are exact")
    yield _exposure_line(status)
    yield from _use_lines(status.uses)
    if report.verified is None:
        yield Line(None, "Access was not verified with real calls")
    else:
        bad = report.verified.those(CheckStatus.FAILED, CheckStatus.INCONCLUSIVE)
        probed = not report.verified.those(CheckStatus.NOT_PROBED)
        yield Line(False if bad else True if probed else None, f"Verified with real calls: {report.verified.summary}")
    for access in status.accounts:
        if access.problem:
            yield Line(None, f"Account {access.account} could not be read: {access.problem}")


def _exposure_line(status: Status) -> Line:
    open_now = {f"role {p.trusting} in {p.trusting_account}" for p in status.pairs if p.state is PairState.BROAD}
    if open_now:
        return Line(False, f"A broad trust is in force, on {', '.join(sorted(open_now))}")
    total = span(sum(exposure.seconds for exposure in status.exposures))
    past = f"recorded exposures took {total} in total" if status.exposures else "no exposure is recorded"
    if any(pair.state in (PairState.UNREADABLE, PairState.UNMANAGED) for pair in status.pairs):
        return Line(None, f"Whether a broad trust is in force is not known; {past}")
    return Line(True, f"No broad trust is in force; {past}")


def _use_lines(uses: tuple[Uses, ...] | None) -> Iterator[Line]:
    if not uses:
        return
    calls = [call for use in uses for call in use.calls]
    others = sum(not call.meant for call in calls)
    unsure = any(use.problem for use in uses)
    words = f"During exposures, CloudTrail recorded {len(calls)} AssumeRole calls, {others} not by a trusted role"
    yield Line(False if others else None if unsure else True, words)
