"""All checks of a spec: the policies in IAM, and at the same time real calls for every pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from tfdriver.aws import role_policies
from tfdriver.aws.calls import AwsError, RoleCalls
from tfdriver.aws.observe import Observation
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus
from tfdriver.iam.evaluator import Permissions
from tfdriver.iam.policy_document import named
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.iam.trust_state import TrustKind as TrustKind
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role, Spec
from tfdriver.terraform.progress import Progress
from tfdriver.verify import judge, probes
from tfdriver.verify.attempts import IN_A_ROW, Check, intruder_round, trusted_round, untried
from tfdriver.verify.by_policy import PairPolicies, policy_checks
from tfdriver.verify.intruder import Intruder
from tfdriver.verify.outcome import CallOutcome
from tfdriver.verify.policy_checks import permissions_check, trust_check
from tfdriver.verify.probe_function import ProbeFunction
from tfdriver.verify.probe_role import ProbeRole
from tfdriver.verify.probes import CallsProbe, FunctionProbe, NoProbe, Probe, RoleProbe, TableProbe, calls_of
from tfdriver.verify.resource_calls import ResourceCall
from tfdriver.verify.write_check import Writing, write_check
from tfdriver.waiting import Look, Poll, Waiting, wait_together

Make = Callable[[Sequence[Check]], Mapping[str, CallOutcome]]
# The plan of a role's composition as JSON, {} if it changes nothing, or why it failed; None if the run that verifies
# has applied the composition, or has planned it without changes.
Plan = Mapping[str, Any] | str | None


@dataclass(frozen=True)
class Scene:
    """The input of all checks. callers: the operator's ARN by account name, of the accounts that the run covers.

    roles: the keys of the roles that are not in another shard; the pairs of the trusting ones are checked; states:
    Terraform's state by role key, {} for none, or why it cannot be read; plans: plans the compositions whose state has
    resources, and returns the plans by role key; keep: whether to keep the probe's items.
    """

    spec: Spec
    aws: RoleCalls
    callers: Mapping[str, str]
    observation: Observation
    roles: frozenset[str]
    states: Mapping[str, Mapping[str, Any] | str]
    waiting: Waiting
    now: datetime
    progress: Progress
    plans: Callable[[], Mapping[str, Plan]] = dict
    keep: bool = False

    @property
    def trusting(self) -> tuple[Role, ...]:
        """The trusting roles whose pairs are checked."""
        return tuple(role for role in self.spec.trusting if role.key in self.roles)

    @property
    def trusted(self) -> tuple[Role, ...]:
        """The trusted roles that are checked."""
        return tuple(role for role in self.spec.trusted if role.key in self.roles)


def run_checks(scene: Scene) -> tuple[list[CheckResult], tuple[str, ...], tuple[str, ...]]:
    """Return the results, the remaining items as `table/key`, and sentences on items that may remain."""
    passed: Future[frozenset[str]] = Future()
    writings: list[Writing] = []
    parts = [
        part
        for trusting in scene.trusting
        for trusted in scene.spec.trusted_by(trusting)
        for part in _parts(scene, trusting, trusted, writings, passed)
    ]
    parts += _elsewhere(scene)

    def of_pairs() -> list[CheckResult]:
        by_policy = _by_policy(scene, [part for part in parts if isinstance(part, _Unmade)])
        wait_together([part.check for part in parts if isinstance(part, _Round)], scene.waiting.clock)

        def results(part: _Round | _Unmade | CheckResult) -> list[CheckResult]:
            if isinstance(part, _Round):
                return part.results()
            return by_policy[part.trusting.key, part.trusted.key] if isinstance(part, _Unmade) else [part]

        return [found for part in parts for found in results(part)]

    both: list[Callable[[], list[CheckResult]]] = [partial(_policies, scene, passed), of_pairs]
    results = [check for found in side_by_side(lambda do: do(), both) for check in found]
    perhaps = tuple(writing.perhaps for writing in writings if writing.perhaps)
    kept = tuple(item for writing in writings for item in writing.kept)
    return [_as_not_probed(scene, check) for check in judge.hinted(results)], kept, perhaps


def _as_not_probed(scene: Scene, check: CheckResult) -> CheckResult:
    """Return a check; an inconclusive one as not probed, if the run does not cover the trusting role's account.

    Whether the trusting role exists is not known then, and AWS refuses to assume a role that does not exist, too.
    """
    state = scene.observation.states.get(check.pair.trusting)
    if state is None or state.kind is not TrustKind.UNSEEN or check.verdict is not CheckStatus.INCONCLUSIVE:
        return check
    return replace(
        check, verdict=CheckStatus.NOT_PROBED, happened=f"{_needs([state.role.account.name])}; {check.happened}"
    )


def _elsewhere(scene: Scene) -> Iterator[CheckResult]:
    """Yield that calls from and to roles that exist elsewhere cannot be probed."""
    for role in scene.trusting:
        for arn in role.trusted_arns:
            reason = f"{arn} exists elsewhere: tfdriver has no credentials of it"
            yield _not_probed(
                CheckedRoles(role.key, arn), "calls", f"{named(arn)} assumes {role_in_account(role)}", reason
            )
    for role in scene.trusted:
        for assumed in role.assumes:
            reason = f"{assumed.arn} exists elsewhere: tfdriver does not know what it may do"
            tried = f"{role_in_account(role)} assumes {named(assumed.arn)}"
            yield _not_probed(CheckedRoles(assumed.arn, role.key), "calls", tried, reason)


def _policies(scene: Scene, passed: Future[frozenset[str]]) -> list[CheckResult]:
    """Check the policies of all roles. Set `passed` to the keys of the roles with correct policies."""
    try:
        plans = scene.plans()
        trusted = (role for role in scene.trusted if not role.is_trusting)
        roles = [role for role in (*scene.trusting, *trusted) if role.account.name in scene.callers]
        of_roles = side_by_side(lambda role: _role_checks(scene, role, plans.get(role.key, {})), roles)
    except BaseException as error:
        passed.set_exception(error)
        raise
    correct = zip(roles, of_roles, strict=True)
    passed.set_result(frozenset(r.key for r, found in correct if all(c.verdict is CheckStatus.PASSED for c in found)))
    return [check for found in of_roles for check in found]


def _role_checks(scene: Scene, role: Role, plan: Plan) -> list[CheckResult]:
    state = scene.observation.trust_of(role) if role.key in scene.observation.states else None
    found = [trust_check(state, scene.spec.trusted_by(role), scene.now)] if state else []
    if state and state.kind is TrustKind.ABSENT:
        return found
    pair = CheckedRoles(role.key, "") if state else CheckedRoles("", role.key)
    return [*found, _permissions(scene, role, pair, plan)]


def _permissions(scene: Scene, role: Role, pair: CheckedRoles, plan: Plan) -> CheckResult:
    def without(verdict: CheckStatus, reason: str) -> CheckResult:
        return _without(pair, "permissions", f"the live permissions of {role_in_account(role)}", verdict, reason)

    state = scene.states[role.key]
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


@dataclass(frozen=True)
class _Unmade:
    """Calls of a pair that cannot be made. IAM's policies are evaluated instead."""

    trusting: Role
    trusted: Role
    checks: Sequence[Check]


def _by_policy(scene: Scene, parts: Sequence[_Unmade]) -> Mapping[tuple[str, str], list[CheckResult]]:
    """Return what the policies say, by the keys of the pair."""
    roles = {role.key: role for part in parts for role in (part.trusting, part.trusted)}

    def read(role: Role) -> Permissions | Unreadable:
        try:
            return role_policies.read_role_policies(scene.aws, role).permissions
        except AwsError as error:
            return Unreadable(error.what)

    permissions = dict(zip(roles, side_by_side(read, roles.values()), strict=True))

    def policies(part: _Unmade) -> PairPolicies:
        trusting = scene.observation.states[part.trusting.key].live
        trusted = scene.observation.trusted[part.trusted.key]
        return PairPolicies(
            trust=trusting.trust_policy if trusting else None,
            trusting=permissions[part.trusting.key],
            trusted=permissions[part.trusted.key],
            trusted_id=trusted.role_id if isinstance(trusted, LiveRole) else "",
        )

    return {
        (part.trusting.key, part.trusted.key): policy_checks(
            part.trusting, part.trusted, part.checks, policies(part), scene.now
        )
        for part in parts
    }


def _parts(
    scene: Scene, trusting: Role, trusted: Role, writings: list[Writing], passed: Future[frozenset[str]]
) -> Iterator[_Round | _Unmade | CheckResult]:
    """Yield the rounds of a pair, which are independent of each other, and what cannot be probed."""
    pair = CheckedRoles(trusting.key, trusted.key)
    a, b = role_in_account(trusting), role_in_account(trusted)
    if scene.observation.states[trusting.key].kind is TrustKind.ABSENT:
        yield _not_probed(pair, "calls", f"{b} assumes {a}", f"{a} does not exist")
        return
    calls = partial(_Round, scene, pair, passed)
    others = [name for name in (trusted.account.name, trusting.account.name) if name not in scene.callers]
    caller = scene.callers.get(trusted.account.name)
    if caller is None:
        yield _not_probed(pair, "calls", f"{b} assumes {a}", _needs(others))
        return
    yield calls(intruder_round(trusting, trusted), Intruder(scene.aws, trusted.account, caller, trusting), IN_A_ROW)
    if others:
        yield _not_probed(pair, "calls", f"{b} makes calls as {a}", _needs(others))
        return
    process, resource = _probe(scene, trusted), _probe(scene, trusting)
    another_id = _another_id(scene.spec, trusting, trusted)
    listed = calls_of(resource, trusting.arn) if isinstance(resource, TableProbe | CallsProbe) else ()
    if isinstance(process, RoleProbe):
        probe_role = ProbeRole(scene.aws, trusted, process, caller, trusting)
        yield calls(trusted_round(trusting, trusted, listed, another_id), probe_role, IN_A_ROW)
    elif isinstance(process, FunctionProbe):
        function = ProbeFunction(scene.aws, trusted.account, process, trusting)
        if isinstance(resource, TableProbe):
            writing = Writing(scene.aws, function, trusting, resource, scene.keep)
            writings.append(writing)
            yield calls((write_check(trusting, trusted, resource),), writing, 1)
        if process.attempts:
            of_table = listed if isinstance(resource, TableProbe) else ()
            yield calls(trusted_round(trusting, trusted, of_table, another_id), function, IN_A_ROW)
    yield from _not_made(trusting, trusted, process, resource, listed)


def _another_id(spec: Spec, trusting: Role, trusted: Role) -> str | None:
    """Return the external id of another role that the trusted role may assume, None if no other one differs."""
    ids = (role.external_id for role in spec.trusting_of(trusted))
    return next((found for found in ids if found and found != trusting.external_id), None)


def _needs(accounts: Sequence[str]) -> str:
    """Return that a check needs accounts, which the run does not cover."""
    names = list(dict.fromkeys(accounts))
    return f"needs {' and '.join(names)}, which {'are' if len(names) > 1 else 'is'} not selected"


def _not_made(
    trusting: Role, trusted: Role, process: Probe, resource: Probe, listed: Sequence[ResourceCall]
) -> Iterator[_Unmade | CheckResult]:
    """Yield what cannot be probed of a pair. listed: the calls of `resource`."""
    pair, checks = CheckedRoles(trusting.key, trusted.key), trusted_round(trusting, trusted, listed)
    a, b = role_in_account(trusting), role_in_account(trusted)
    unmade = partial(_not_probed, pair, "calls", f"{b} makes calls as {a}")
    attempts = process.attempts if isinstance(process, FunctionProbe) else None
    if not isinstance(process, FunctionProbe | RoleProbe):
        yield unmade(_reason(process, "a function or a role"))
        yield _Unmade(trusting, trusted, checks)
    elif not isinstance(resource, TableProbe | CallsProbe):
        yield unmade(_reason(resource, "a list of calls or a table"))
    elif attempts is not None and isinstance(resource, CallsProbe):
        yield unmade("a function makes only the calls of a table")
        if attempts:
            yield _Unmade(trusting, trusted, [check for check in checks if check.attempt.resource])
    elif attempts is not False:
        yield from (_not_probed(pair, *missing) for missing in untried(trusting, trusted, listed))
    if attempts is False:
        reason = f"the probe of module {trusted.module} does not set `attempts = true`"
        yield _not_probed(pair, "attempts", f"{b} makes calls that must be refused", reason)
        yield _Unmade(trusting, trusted, checks)


def _probe(scene: Scene, role: Role) -> Probe:
    state = scene.states[role.key]
    if isinstance(state, str):
        return NoProbe(reason=state)
    if role.existing:
        return NoProbe(reason=f"{role_in_account(role)} is an existing role, without a module that has a probe")
    found = state.get("outputs", {}).get("probes", {}).get("value")
    if not isinstance(found, Mapping) or role.label not in found:
        return NoProbe(reason=f"Terraform's state has no probe of {role_in_account(role)}: it was not applied here")
    return probes.parse_probes(found[role.label], role.module)


def _reason(probe: Probe, wanted: str) -> str:
    return probe.reason if isinstance(probe, NoProbe) else f"the probe of its module is not {wanted}"


class _Round:
    """Calls for a pair that are made together, and repeated until each outcome is certain.

    passed: the keys of the roles with correct policies in IAM, once they are known. Until then, the policies count as
    correct, so that an unexpected outcome is retried.
    """

    def __init__(
        self,
        scene: Scene,
        pair: CheckedRoles,
        passed: Future[frozenset[str]],
        checks: Sequence[Check],
        make: Make,
        in_a_row: int,
    ) -> None:
        self._progress = scene.progress
        self._clock = scene.waiting.clock
        self._pair = pair
        self._passed = passed
        self._checks = checks
        self._by_name = {check.name: check for check in checks}
        self._reported = [check for check in checks if not check.control]
        self._make = make
        self._in_a_row = in_a_row
        self._outcomes: dict[str, CallOutcome] = {}
        self._poll = Poll(self._look, scene.waiting, in_a_row)
        more = len(self._reported) - 1
        self._tried = self._reported[0].tried + (f", and {more} more" if more else "")
        self._started: float | None = None

    def check(self) -> float | None:
        """Make the calls once; see `Poll.check`."""
        if self._started is None:
            self._started = self._clock.monotonic()
            self._progress.started(str(self._pair), self._tried)
        try:
            wait = self._poll.check()
        except BaseException:
            self._progress.failed(str(self._pair), self._tried, self._clock.monotonic() - self._started)
            raise
        if wait is None:
            others = sum(check.verdict is not CheckStatus.PASSED for check in self.results())
            result = f"{others} of {len(self._reported)} not as expected" if others else "as expected"
            self._progress.ended(str(self._pair), self._tried, self._clock.monotonic() - self._started, result)
        return wait

    def results(self) -> list[CheckResult]:
        """Return the verdicts on the last outcomes."""
        held, by_name, outcomes = self._poll.held, self._by_name, self._outcomes
        return [
            judge.result(self._pair, check, by_name, outcomes, held[check.name], self._in_a_row)
            for check in self._reported
        ]

    def _look(self) -> dict[str, Look]:
        self._outcomes.update(self._make(self._checks))
        roles = {self._pair.trusting, self._pair.trusted}
        patient = not self._passed.done() or roles <= self._passed.result()
        return {
            check.name: judge.judge_look(check, self._by_name, self._outcomes, patient=patient)
            for check in self._reported
        }


def _not_probed(pair: CheckedRoles, name: str, tried: str, reason: str) -> CheckResult:
    return _without(pair, name, tried, CheckStatus.NOT_PROBED, reason)


def _without(pair: CheckedRoles, name: str, tried: str, verdict: CheckStatus, reason: str) -> CheckResult:
    return CheckResult(pair, name, tried, "", reason, verdict)
