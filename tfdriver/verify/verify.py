"""`tfdriver verify`: verify with real calls who gets access and who does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
    """Run all checks right after an apply, without a plan; see `verify`."""
    return verify(session, applied=True)


def verify(
    session: Session,
    *,
    timeout: float = LIMIT,
    keep_items: bool = False,
    strict: bool = False,
    applied: bool = False,
) -> Verified:
    """Run all checks. Changes nothing in AWS except the probe's items, which are removed.

    timeout: seconds to wait for the expected outcomes; keep_items: do not remove the probe's items; strict: fail if a
    check could not be probed; applied: whether everything was applied just now. Raises TfdriverError if interrupted.
    """
    interrupts, clock = session.tools.interrupts, session.tools.clock
    session.tools.progress.phase("verify: real calls that must be allowed, and real calls that must be refused")
    session.tools.progress.note(f"  IAM changes take time: unexpected outcomes are retried for {timeout:g} s")
    with interrupts.listening():
        try:
            checks, remaining, perhaps = run_checks(
                _scene(session, Waiting(timeout, clock, interrupts.check), keep_items, applied)
            )
        except InterruptedRunError as error:
            raise InterruptedRunError(f"{error.what} before all checks were done") from error
    return conclude(checks, remaining, perhaps, strict=strict)


def _scene(session: Session, waiting: Waiting, keep_items: bool, applied: bool) -> Scene:
    states = _states(session)
    return Scene(
        spec=session.spec,
        aws=session.tools.aws,
        callers={name: caller.arn for name, caller in session.callers.items()},
        observation=session.driver.observe(),
        states=states,
        waiting=waiting,
        now=waiting.clock.now(),
        keep=keep_items,
        report=partial(report_work, session.tools.progress, waiting.clock, result=_result),
        plans={} if applied else _plans(session, states),
    )


def _result(checks: list[CheckResult]) -> str:
    others = sum(check.verdict is not CheckStatus.PASSED for check in checks)
    return f"{others} of {len(checks)} not as expected" if others else "as expected"


def conclude(
    checks: Sequence[CheckResult], remaining: tuple[str, ...], perhaps: tuple[str, ...] = (), *, strict: bool
) -> Verified:
    """Summarize the checks. remaining: items still in a table, as `table/key`; perhaps: sentences on possible ones."""
    bad = _BAD | {CheckStatus.NOT_PROBED} if strict else _BAD
    counts = Counter(check.verdict for check in checks)
    parts = [f"{counts[verdict]} {verdict}" for verdict in CheckStatus if counts[verdict]]
    changed = "Verifying changed nothing"
    if remaining or perhaps:
        sentences = [f"which were not removed: {', '.join(remaining)}"] if remaining else []
        changed += f" but the probe's items, {'; '.join([*sentences, *perhaps])}"
    elif any(check.evidence.item_key for check in checks):
        changed += " but the probe's items, which it removed"
    return Verified(
        exit_code=Exit.FAILED if any(counts[verdict] for verdict in bad) else Exit.DONE,
        summary=f"{counts.total()} checks: {', '.join(parts)}",
        checks=tuple(checks),
        changed=changed,
        left_behind=remaining + perhaps,
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
    """Return a plan by role key, or why it failed, for the compositions whose state has resources."""
    tools, workspace = session.tools, session.workspace
    show = partial(report_work, tools.progress, tools.clock)
    one_at_a_time = Lock()  # Terraform's plugin cache does not support parallel inits

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
        if not workspace.path(composition).exists():  # a fresh clone may lack them
            workspace.write(composition, workspace.final(composition, tools.clock.now()))
    plans = side_by_side(plan, applied)
    return {role.key: found for c, found in zip(applied, plans, strict=True) for role in c.roles}
