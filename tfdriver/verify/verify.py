"""`tfdriver verify`: prove by real calls who gets access and who does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

from tfdriver.aws.consistency import LIMIT
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.session import Session
from tfdriver.deploy.verify_result import CheckResult, CheckStatus, Verified
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam.trust_state import Unreadable
from tfdriver.interrupts import InterruptedRunError
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.progress import report_work
from tfdriver.terraform.runner import Root
from tfdriver.verify.checks import Scene, run_checks
from tfdriver.waiting import Waiting

_BAD = frozenset({CheckStatus.FAILED, CheckStatus.INCONCLUSIVE})


def verify_applied(session: Session) -> Verified:
    """Return what every check came to right after an apply, without planning again; see `verify`."""
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
        {} if applied else _plans(session, states),
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


def _states(session: Session) -> dict[str, Mapping[str, Any] | str]:
    """Return Terraform's state by role key, {} for none, or why it cannot be read."""
    found: dict[str, Mapping[str, Any] | str] = {}
    states = session.workspace.states(session.pull)
    for composition in session.workspace.compositions:
        state = states[composition.name]
        read: Mapping[str, Any] | str = state.reason if isinstance(state, Unreadable) else state.body if state else {}
        found |= {role.key: read for role in composition.roles}
    return found


def _plans(session: Session, states: Mapping[str, Mapping[str, Any] | str]) -> dict[str, Mapping[str, Any] | str]:
    """Return a plan by role key, or why it failed, of the compositions whose state has resources."""
    tools, workspace = session.tools, session.workspace
    show = partial(report_work, tools.progress, tools.clock)
    one_at_a_time = Lock()  # a plugin cache takes no two inits at once

    def plan(composition: Composition) -> Mapping[str, Any] | str:
        root = Root(workspace.path(composition), session.settings)
        try:
            with one_at_a_time:
                if not root.initialised:
                    show(composition.name, "init", root.init)
            return show(composition.name, "plan", root.planned)
        except InterruptedRunError:
            raise
        except TfdriverError as error:
            return str(error).rstrip(".")

    applied = [
        composition
        for composition in workspace.compositions
        if not isinstance(state := states[composition.roles[0].key], str) and state.get("resources")
    ]
    for composition in applied:
        if not workspace.path(composition).exists():  # in a clone whose compositions are not in version control
            workspace.write(composition, workspace.final(composition, tools.clock.now()))
    plans = side_by_side(plan, applied)
    return {role.key: found for c, found in zip(applied, plans, strict=True) for role in c.roles}


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
