"""`tfdriver verify`: prove by real calls who gets access and who does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from tfdriver.aws.settle import LIMIT
from tfdriver.deploy.session import Session
from tfdriver.deploy.verified import CheckResult, CheckStatus, Verified
from tfdriver.errors import Exit
from tfdriver.iam.trust_state import Unreadable
from tfdriver.iam.wanted_policies import State
from tfdriver.interrupts import InterruptedRunError
from tfdriver.terraform.progress import report_work
from tfdriver.terraform.runner import Root
from tfdriver.verify.polling import Waiting
from tfdriver.verify.rendered import rendered
from tfdriver.verify.run import Scene, run_checks

_BAD = frozenset({CheckStatus.FAILED, CheckStatus.INCONCLUSIVE})


def verify_applied(session: Session) -> Verified:
    """Return what every check came to right after an apply, whose state says what was rendered; see `verify`."""
    return verify(session, applied=True)


def verify(
    session: Session,
    *,
    timeout: float = LIMIT,
    keep_items: bool = False,
    strict: bool = False,
    applied: bool = False,
) -> Verified:
    """Return what every check came to. Changes nothing in AWS but the probe's items, which it removes again.

    timeout: seconds to wait for what is expected to be seen; keep_items: leave the probe's items in place; strict:
    what could not be probed counts as a failure; applied: whether everything was applied just now. Raises TfdriverError
    if it is interrupted.
    """
    interrupts, clock = session.tools.interrupts, session.tools.clock
    session.tools.progress.phase("verify: real calls of who should get in, and of who should not")
    session.tools.progress.note(
        f"  IAM changes spread slowly: what is not as expected is tried again for {timeout:g} s"
    )
    with interrupts.listening():
        try:
            checks, left_behind, perhaps = run_checks(
                _scene(session, Waiting(timeout, clock, interrupts.check), keep_items, applied)
            )
        except InterruptedRunError as error:
            raise InterruptedRunError(f"{error.what} before everything was tried") from error
    return conclude(checks, left_behind, perhaps, strict=strict)


def _scene(session: Session, waiting: Waiting, keep_items: bool, applied: bool) -> Scene:
    states = _states(session)
    return Scene(
        session.spec,
        session.tools.aws,
        {name: caller.arn for name, caller in session.callers.items()},
        session.driver.observe(),
        states,
        waiting,
        waiting.clock.now(),
        keep_items,
        partial(report_work, session.tools.progress, waiting.clock, result=_result),
        {} if applied else _wanted(session, states),
    )


def _result(checks: list[CheckResult]) -> str:
    others = sum(check.verdict is not CheckStatus.PASSED for check in checks)
    return f"{others} of {len(checks)} not as expected" if others else "as expected"


def conclude(
    checks: Sequence[CheckResult], left_behind: tuple[str, ...], perhaps: tuple[str, ...] = (), *, strict: bool
) -> Verified:
    """Return what the checks come to together.

    left_behind: items that are still there, as `table/key`; perhaps: sentences on items that may be there.
    """
    bad = _BAD | {CheckStatus.NOT_PROBED} if strict else _BAD
    failed = any(check.verdict in bad for check in checks)
    return Verified(
        Exit.FAILED if failed else Exit.DONE,
        _summary(checks),
        tuple(checks),
        _changed(checks, left_behind, perhaps),
        left_behind + perhaps,
    )


def _states(session: Session) -> dict[str, State | str]:
    """Return Terraform's state by role key, or why it cannot be had."""
    found: dict[str, State | str] = {}
    states = session.workspace.states(session.pull)
    for composition in session.workspace.compositions:
        state = states[composition.name]
        read = state.reason if isinstance(state, Unreadable) else state.body if state else {}
        found |= {role.key: read for role in composition.roles}
    return found


def _wanted(session: Session, states: Mapping[str, State | str]) -> dict[str, State | str]:
    """Return what is rendered by role key, or why it can't be told, of the compositions that have a state."""
    there = [c for c in session.workspace.compositions if _has_resources(states[c.roles[0].key])]
    tools, workspace = session.tools, session.workspace
    for composition in there:
        if not workspace.path(composition).exists():  # in a clone whose compositions are not in version control
            workspace.write(composition, workspace.final(composition, tools.clock.now()))
    found = rendered(
        there,
        lambda c: Root(session.workspace.path(c), session.settings),
        partial(report_work, tools.progress, tools.clock),
    )
    return {role.key: found[c.name] for c in there for role in c.roles}


def _has_resources(state: State | str) -> bool:
    return not isinstance(state, str) and bool(state.get("resources"))


def _summary(checks: Iterable[CheckResult]) -> str:
    counts = Counter(check.verdict for check in checks)
    parts = [f"{counts[verdict]} {verdict}" for verdict in CheckStatus if counts[verdict]]
    return f"{counts.total()} checks: {', '.join(parts)}"


def _changed(checks: Iterable[CheckResult], left_behind: tuple[str, ...], perhaps: tuple[str, ...]) -> str:
    if left_behind or perhaps:
        there = [f"which are still there: {', '.join(left_behind)}"] if left_behind else []
        return f"Verifying changed nothing but the probe's items, {'; '.join([*there, *perhaps])}"
    if any(check.evidence.item_key for check in checks):
        return "Verifying changed nothing but the probe's items, which it removed"
    return "Verifying changed nothing"
