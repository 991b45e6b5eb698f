"""`tfdriver verify`: verify with real calls who gets access and who does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
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
from tfdriver.terraform.state import State
from tfdriver.verify.checks import Plan, Scene, run_checks
from tfdriver.waiting import Waiting

_BAD = frozenset({CheckStatus.FAILED, CheckStatus.INCONCLUSIVE})


def verify(session: Session, *, timeout: float = LIMIT, keep_items: bool = False, strict: bool = False) -> Verified:
    """Run all checks. Changes nothing in AWS except the probe's items, which are removed.

    timeout: seconds to wait for the expected outcomes; keep_items: do not remove the probe's items; strict: fail if a
    check could not be probed. Raises TfdriverError if interrupted.
    """
    return _verify(session, timeout, keep_items, strict)


def verify_run(session: Session, current: Collection[str]) -> Verified:
    """Run all checks at the end of a run. Raises TfdriverError if interrupted.

    current: names of compositions that the run has applied, or planned without changes. They are not planned again.
    """
    states = session.workspace.states(session.pull, session.settings.parallelism)
    now = replace(session, observed=session.driver.observe(), states=states)
    return _verify(now, LIMIT, keep_items=False, strict=False, current=current, patience=LIMIT)


def _verify(
    session: Session,
    timeout: float,
    keep_items: bool,
    strict: bool,
    current: Collection[str] = (),
    patience: float = 0,
) -> Verified:
    tools = session.tools
    tools.progress.phase("verify: real calls that must be allowed, and real calls that must be refused")
    tools.progress.note(f"  IAM changes take time: unexpected outcomes are retried for {timeout:g} s")
    with tools.interrupts.listening():
        try:
            session = with_others(session, Waiting(patience, tools.clock, tools.interrupts.check, tools.progress.note))
            scene = _scene(session, Waiting(timeout, tools.clock, tools.interrupts.check), keep_items, current)
            checks, remaining, perhaps = run_checks(scene)
        except InterruptedRunError as error:
            raise InterruptedRunError(f"{error.what} before all checks were done") from error
    return conclude(checks, remaining, perhaps, strict=strict)


def with_others(session: Session, waiting: Waiting) -> Session:
    """Return the session with the states of other shards' compositions that have roles which its roles trust.

    waiting: for these compositions to be applied. If they still are not then, the checks report it.
    """
    workspace, trusted = session.workspace, session.observed.trusted
    missing = [c for c in workspace.of_all_shards if c.name not in session.states]
    others = [c for c in missing if any(role.key in trusted for role in c.roles)]
    found: dict[str, State | Unreadable | None] = {}

    def find_problem() -> TfdriverError | None:
        found.update(workspace.states(session.pull, session.settings.parallelism, others))
        left = [name for name, state in found.items() if not (isinstance(state, State) and state.complete)]
        what = f"waiting until another shard has applied {' and '.join(left)}"
        return TfdriverError(what, code="unreadable_state") if left else None

    try:
        waiting.until_none(find_problem)
    except InterruptedRunError:
        raise
    except TfdriverError:
        pass
    return replace(session, states={**session.states, **found})


def _scene(session: Session, waiting: Waiting, keep_items: bool, current: Collection[str]) -> Scene:
    states = _states(session)
    own = (role.key for composition in session.workspace.compositions for role in composition.roles)
    return Scene(
        spec=session.spec,
        aws=session.tools.aws,
        callers={name: access.caller for name, access in session.accounts.items() if access.caller},
        observation=session.observed,
        roles=frozenset(own if session.workspace.shard else session.spec.roles),
        states=states,
        waiting=waiting,
        now=waiting.clock.now(),
        progress=session.tools.progress,
        plans=partial(_plans, session, states, current),
        keep=keep_items,
    )


def conclude(
    checks: Sequence[CheckResult], remaining: tuple[str, ...], perhaps: tuple[str, ...] = (), *, strict: bool
) -> Verified:
    """Summarize the checks. remaining: items still in a table, as `table/key`; perhaps: sentences on possible ones."""
    bad = _BAD | {CheckStatus.NOT_PROBED, CheckStatus.BY_POLICY} if strict else _BAD
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
        summary=f"{counts.total()} checks: {', '.join(parts)}" if parts else "nothing to check",
        checks=tuple(checks),
        changed=changed,
        left_behind=remaining + perhaps,
    )


def _states(session: Session) -> dict[str, Mapping[str, Any] | str]:
    """Return Terraform's state by role key, {} for none, or why it cannot be read."""
    found: dict[str, Mapping[str, Any] | str] = {}
    for composition in (c for c in session.workspace.of_all_shards if c.name in session.states):
        state = session.states[composition.name]
        read: Mapping[str, Any] | str = state.reason if isinstance(state, Unreadable) else state.body if state else {}
        found |= {role.key: read for role in composition.roles}
    return found


def _plans(
    session: Session, states: Mapping[str, Mapping[str, Any] | str], current: Collection[str]
) -> dict[str, Plan]:
    """Plan the compositions whose state has resources, except the current ones. Return the plans by role key."""
    tools, workspace = session.tools, session.workspace
    show = partial(report_work, tools.progress, tools.clock)
    one_at_a_time = Lock()  # Terraform's plugin cache does not support parallel inits

    def plan(composition: Composition) -> Plan:
        if composition.name in current:
            return None
        if not workspace.path(composition).exists():  # a fresh clone may lack it
            workspace.write(composition, workspace.final(composition, tools.clock.now()))
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
    plans = side_by_side(plan, applied, session.settings.parallelism)
    return {role.key: found for c, found in zip(applied, plans, strict=True) for role in c.roles}
