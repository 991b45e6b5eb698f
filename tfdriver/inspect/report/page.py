"""The report as one HTML page: no script, nothing from elsewhere. Pure but for reading the template."""

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

_LONG = 120  # seconds, from which on tenths do not matter
_WORD = 20  # characters that fit into any column
_LONG_WORD = re.compile(rf"\S{{{_WORD + 1},}}")
_PART, _PART_OF_NAME = re.compile(r"[^/:]*[/:]+|[^/:]+"), re.compile(r"[^_.,=@-]*[_.,=@-]+|[^_.,=@-]+")


@dataclass(frozen=True)
class Line:
    """A line of the summary. good: None if it can't be told; words: a sentence without a full stop."""

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
    """Return text as HTML in which long words, as ARNs are, may be broken: between their parts, if these are short."""
    found, end = Markup(), 0
    for word in _LONG_WORD.finditer(words):
        found += escape(words[end : word.start()]) + Markup("<wbr>").join(_parts(word[0]))
        end = word.end()
    return found + escape(words[end:])


def _parts(word: str) -> Iterator[str]:
    for part in _PART.findall(word):
        for piece in _PART_OF_NAME.findall(part) if len(part) > _WORD else [part]:
            yield from (piece[at : at + _WORD] for at in range(0, len(piece), _WORD))


def is_policy(said: str) -> bool:
    """Whether what a check saw is a policy document, which the page shows in a section of its own."""
    return said.startswith("{")


def summary(report: Report) -> Iterator[Line]:
    """Give what matters most, as lines that are good, bad or not known."""
    status = report.status
    states = [pair.state for pair in status.pairs]
    unknown = states.count(PairState.UNREADABLE)
    exact = states.count(PairState.EXACT)
    good = None if unknown and exact + unknown == len(states) else exact == len(states)
    yield Line(good, f"{exact} of {len(states)} trusts name exactly the role that is meant")
    yield _exposed(status)
    yield from _used(status.uses)
    if report.verified is None:
        yield Line(None, "Access was not verified by real calls")
    else:
        bad = report.verified.those(CheckStatus.FAILED, CheckStatus.INCONCLUSIVE)
        probed = not report.verified.those(CheckStatus.NOT_PROBED)
        yield Line(False if bad else True if probed else None, f"Verified by real calls: {report.verified.summary}")
    for half in status.accounts:
        if half.problem:
            yield Line(None, f"Account {half.account} was not seen: {half.problem}")


def _exposed(status: Status) -> Line:
    """What AWS shows counts, whatever is recorded."""
    open_now = {f"role {p.trusting} in {p.trusting_account}" for p in status.pairs if p.state is PairState.BROAD}
    if open_now:
        return Line(False, f"A whole account is trusted now, by {', '.join(sorted(open_now))}")
    past = (
        f"one was for {span(sum(e.seconds for e in status.exposures))} in all" if status.exposures else "none ever was"
    )
    if any(pair.state in (PairState.UNREADABLE, PairState.UNMANAGED) for pair in status.pairs):
        return Line(None, f"Whether a whole account is trusted now is not known; as far as recorded, {past}")
    return Line(True, f"No whole account is trusted now; as far as recorded, {past}")


def _used(uses: tuple[Uses, ...] | None) -> Iterator[Line]:
    if not uses:
        return
    calls = [call for use in uses for call in use.calls]
    strangers = sum(not call.meant for call in calls)
    unsure = any(use.problem for use in uses)
    words = f"While open, CloudTrail shows {len(calls)} AssumeRole calls, {strangers} by others than the roles meant"
    yield Line(False if strangers else None if unsure else True, words)
