"""All checks of a spec: first the policies in IAM, then real calls for every pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tfdriver.aws import role_policies
from tfdriver.aws.calls import AwsError, Calls
from tfdriver.aws.observe import Observation
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus
from tfdriver.iam.trust_state import TrustKind as TrustKind
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role, Spec
from tfdriver.verify import judge, probes
from tfdriver.verify.attempts import IN_A_ROW, Check, function_round, intruder_round, untried
from tfdriver.verify.intruder import Intruder
from tfdriver.verify.outcome import CallOutcome
from tfdriver.verify.policy_checks import permissions_check, trust_check
from tfdriver.verify.probe_function import ProbeFunction
from tfdriver.verify.probes import FunctionProbe, NoProbe, TableProbe
from tfdriver.verify.write_check import Writing, write_check
from tfdriver.waiting import Look, Waiting, poll

Make = Callable[[Sequence[Check]], Mapping[str, CallOutcome]]
Job = Callable[[], list[CheckResult]]
# Runs a job and reports its progress, given the pair and a description.
Reporter = Callable[[str, str, Job], list[CheckResult]]


@dataclass(frozen=True)
class Scene:
    """The input of all checks. callers: the operator's ARN by account name.

    states: Terraform's state by role key, {} for none, or why it cannot be read; keep: whether to keep the probe's
    items; report: runs a job and reports its progress; plans: a plan of the role's composition by role key, or why it
    failed; empty right after an apply.
    """

    spec: Spec
    aws: Calls
    callers: Mapping[str, str]
    observation: Observation
    states: Mapping[str, Mapping[str, Any] | str]
    waiting: Waiting
    now: datetime
    keep: bool = False
    report: Reporter = lambda _name, _tried, job: job()
    plans: Mapping[str, Mapping[str, Any] | str] = field(default_factory=dict)


def run_checks(scene: Scene) -> tuple[list[CheckResult], tuple[str, ...], tuple[str, ...]]:
    """Return the results, the remaining items as `table/key`, and sentences on items that may remain."""
    spec = scene.spec
    roles = [*spec.trusting, *spec.trusted]
    of_roles = dict(zip([r.key for r in roles], side_by_side(lambda r: _role_checks(scene, r), roles), strict=True))
    passed = {key for key, found in of_roles.items() if all(c.verdict is CheckStatus.PASSED for c in found)}
    writings: list[Writing] = []
    jobs = [
        job
        for trusting in spec.trusting
        for trusted in spec.trusted_by(trusting)
        for job in _jobs(scene, trusting, trusted, writings, patient={trusting.key, trusted.key} <= passed)
    ]
    of_pairs = side_by_side(lambda job: job(), jobs)
    results = [check for found in [*of_roles.values(), *of_pairs] for check in found]
    perhaps = tuple(writing.perhaps for writing in writings if writing.perhaps)
    return judge.hinted(results), tuple(item for writing in writings for item in writing.kept), perhaps


def _role_checks(scene: Scene, role: Role) -> list[CheckResult]:
    state = scene.observation.trust_of(role) if role.key in scene.observation.states else None
    found = [trust_check(state, scene.spec.trusted_by(role), scene.now)] if state else []
    if state and state.kind is TrustKind.ABSENT:
        return found
    pair = CheckedRoles(role.key, "") if state else CheckedRoles("", role.key)
    return [*found, _permissions(scene, role, pair)]


def _permissions(scene: Scene, role: Role, pair: CheckedRoles) -> CheckResult:
    def without(verdict: CheckStatus, reason: str) -> CheckResult:
        return _without(pair, "permissions", f"the live permissions of {role_in_account(role)}", verdict, reason)

    state, plan = scene.states[role.key], scene.plans.get(role.key, {})
    if role.key in scene.observation.trusted and scene.observation.trusted[role.key] is None:
        return without(CheckStatus.FAILED, f"{role_in_account(role)} does not exist")
    if isinstance(state, str) or isinstance(plan, str):
        return without(CheckStatus.INCONCLUSIVE, state if isinstance(state, str) else str(plan))
    try:
        unmanaged = role_policies.unmanaged(scene.aws, role, state)
    except AwsError as error:
        return without(CheckStatus.FAILED if error.missing else CheckStatus.INCONCLUSIVE, error.what)
    if unmanaged is None:
        return without(CheckStatus.INCONCLUSIVE, "Terraform's state does not have the role: it was not applied")
    return permissions_check(role, pair, plan, unmanaged)


def _jobs(scene: Scene, trusting: Role, trusted: Role, writings: list[Writing], *, patient: bool) -> Iterable[Job]:
    """Yield the jobs of a pair. They are independent of each other."""
    pair = CheckedRoles(trusting.key, trusted.key)
    a, b = role_in_account(trusting), role_in_account(trusted)
    if scene.observation.states[trusting.key].kind is TrustKind.ABSENT:
        yield _not_probed(pair, "calls", f"{b} assumes {a}", f"{a} does not exist")
        return
    intruder = Intruder(scene.aws, trusted.account, scene.callers[trusted.account.name], trusting)
    yield _round(scene, pair, intruder_round(trusting, trusted), intruder, IN_A_ROW, patient)
    process, table = _probe(scene, trusted), _probe(scene, trusting)
    if not isinstance(process, FunctionProbe):
        reason = process.reason if isinstance(process, NoProbe) else "the probe of its module is not a function"
        yield _not_probed(pair, "write", f"{b} writes an item through {a}", reason)
        return
    function = ProbeFunction(scene.aws, trusted.account, process, trusting)
    if isinstance(table, TableProbe):
        writing = Writing(scene.aws, function, trusting, table, scene.keep)
        writings.append(writing)
        yield _round(scene, pair, (write_check(trusting, trusted, table),), writing, 1, patient)
    else:
        reason = table.reason if isinstance(table, NoProbe) else "the probe of its module is not a table"
        yield _not_probed(pair, "write", f"{b} writes an item through {a}", reason)
    if process.attempts:
        checks = function_round(trusting, trusted, table if isinstance(table, TableProbe) else None)
        yield _round(scene, pair, checks, function, IN_A_ROW, patient)
        if isinstance(table, TableProbe):
            yield from (_not_probed(pair, *missing) for missing in untried(trusting, trusted, table))
    else:
        reason = f"the probe of module {trusted.module} does not set `attempts = true`"
        yield _not_probed(pair, "attempts", f"{b} makes calls that must be refused", reason)


def _probe(scene: Scene, role: Role) -> TableProbe | FunctionProbe | NoProbe:
    state = scene.states[role.key]
    if isinstance(state, str):
        return NoProbe(reason=state)
    found = state.get("outputs", {}).get("probes", {}).get("value")
    if not isinstance(found, Mapping) or role.key not in found:
        return NoProbe(reason=f"Terraform's state has no probe of {role_in_account(role)}: it was not applied here")
    return probes.parse_probes(found[role.key], role.module)


def _round(scene: Scene, pair: CheckedRoles, checks: Sequence[Check], make: Make, in_a_row: int, patient: bool) -> Job:
    by_name = {check.name: check for check in checks}
    reported = [check for check in checks if not check.control]

    def job() -> list[CheckResult]:
        outcomes: dict[str, CallOutcome] = {}

        def make_calls() -> dict[str, Look]:
            outcomes.update(make(checks))
            return {check.name: judge.judge_look(check, by_name, outcomes, patient=patient) for check in reported}

        held = poll(make_calls, scene.waiting, in_a_row)
        return [judge.result(pair, c, by_name, outcomes, held[c.name], in_a_row) for c in reported]

    tried = reported[0].tried + (f", and {len(reported) - 1} more" if len(reported) > 1 else "")
    return lambda: scene.report(str(pair), tried, job)


def _not_probed(pair: CheckedRoles, name: str, tried: str, reason: str) -> Job:
    return lambda: [_without(pair, name, tried, CheckStatus.NOT_PROBED, reason)]


def _without(pair: CheckedRoles, name: str, tried: str, verdict: CheckStatus, reason: str) -> CheckResult:
    return CheckResult(pair, name, tried, "", reason, verdict)
