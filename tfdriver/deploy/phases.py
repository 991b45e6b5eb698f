"""Runs the phases in order: open, connect, tighten, revoke, destroy. Checks the result of each in AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any, Protocol, TypeVar

from tfdriver.aws.calls import RoleCalls
from tfdriver.aws.consistency import LIMIT, wait_for_roles, wait_until_settled
from tfdriver.aws.identity import IdentityReader, check_identities
from tfdriver.aws.observe import AppliedTrusts, Observation, RoleReader
from tfdriver.clock import Clock
from tfdriver.concurrency import Ran, Ready, Task, run_tasks, side_by_side
from tfdriver.deploy import revocation
from tfdriver.deploy.adopt import Adopter
from tfdriver.deploy.apply import Applier, Step, refuse_other_arns
from tfdriver.deploy.give_back import give_back
from tfdriver.deploy.ownership import States, has_tags, refuse_to_open_again
from tfdriver.deploy.plans import Basis, Plans, roles_in_aws
from tfdriver.deploy.preflight import refuse_trusts, refuse_unreadable_roles, refused_kinds
from tfdriver.deploy.project_roles import ProjectRoles
from tfdriver.deploy.revocation import Revocation
from tfdriver.deploy.roots import Roots, succeeded
from tfdriver.deploy.work import PhaseOne, Work, dependencies, without_circles, without_failed
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Phase, TrustKind
from tfdriver.project import crash_recovery, tfvars
from tfdriver.project.orphans import OrphanedResource
from tfdriver.project.outputs_file import write_outputs
from tfdriver.project.selection import Selection
from tfdriver.project.timeline import Exposure, Timeline, exposures
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Role, Spec
from tfdriver.terraform.progress import Progress
from tfdriver.terraform.runner import Settings
from tfdriver.waiting import Waiting

A = TypeVar("A")
S = TypeVar("S", Step, Step | None)


class DriverAws(RoleReader, IdentityReader, RoleCalls, Protocol):
    """The AWS of a driver; implemented by `aws.Aws`."""


_CONNECT = "phase 2, connect: create the trusted roles and the resources that use them"
_TIGHTEN = "phase 3, tighten: trust exactly the trusted roles"
_CREATE = "phase 3, new roles only: create the remaining trusting roles, which trust exactly the trusted roles"
_OLD_PLAN = timedelta(minutes=1)


@dataclass(frozen=True)
class RunScope:
    """The limits of a run. reader: reads roles.

    states: reads the compositions' current states; interrupted: names of compositions in which a run was interrupted,
    so that orphaned resources may be adopted; adopt: whether they may be adopted everywhere; others: trusting roles
    that exist under other names than in the spec; applied: the trust policies in the states at the start; selection:
    what the run covers; callers: our ARN in each of its accounts, by account name.
    """

    reader: RoleReader
    states: Callable[[Iterable[Composition]], States]
    interrupted: frozenset[str] = frozenset()
    adopt: bool = False
    others: tuple[Role, ...] = ()
    applied: AppliedTrusts = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    callers: Mapping[str, str] = field(default_factory=dict)

    def may_adopt(self, composition: Composition) -> bool:
        """Whether the run may adopt orphaned resources of the composition."""
        return self.adopt or composition.name in self.interrupted


class Driver:
    """Drives Terraform through a project's compositions, one driver per run. It decides only from the roles in AWS."""

    def __init__(
        self,
        *,
        roots: Roots,
        roles: ProjectRoles,
        adopter: Adopter,
        plans: Plans,
        applier: Applier,
        aws: DriverAws,
        timeline: Timeline,
        scope: RunScope,
    ) -> None:
        self._roots = roots
        self._lock = Lock()
        self._announced: set[str] = set()
        self._workspace = roots.workspace
        self._clock = roots.clock
        self._aws = aws
        self._adopter = adopter
        self._applier = applier
        self._timeline = timeline
        self._scope = scope
        self.roles = roles
        self.plans = plans
        retry = f"  IAM is eventually consistent; retrying for up to {LIMIT:g} s"
        self._waiting = Waiting(
            LIMIT,
            roots.clock,
            roots.settings.interrupts.check,
            lambda problem: roots.progress.note(f"{retry}: {problem}"),
        )

    @property
    def spec(self) -> Spec:
        """The spec of the project."""
        return self._workspace.spec

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that have finished, in the order in which they ended."""
        return tuple(self._applier.steps)

    @property
    def selection(self) -> Selection:
        """What the run covers."""
        return self._scope.selection

    def observe(self) -> Observation:
        """Return the roles in AWS now."""
        return self.roles.observe()

    def may_adopt(self, composition: Composition) -> bool:
        """Whether this run may adopt orphaned resources of the composition."""
        return self._scope.may_adopt(composition)

    def record(self, observation: Observation) -> None:
        """Record trust changes that are missing from the timeline, and write the `outputs.json` of compositions.

        The latter of those that this run has applied, or planned without changes. Neither is done for unmanaged roles.
        Must not be called while Terraform runs.
        """
        for composition in self._side(Side.TRUSTING):
            states = (observation.states[role.key] for role in composition.roles)
            managed = (s for s in states if s.live is None or has_tags(s.live.tags, composition))
            self._timeline.record_missing(managed, self._clock.now())
        current = self.plans.unchanged | {step.composition for step in self.steps if step.phase != "destroy"}
        for composition in (c for c in self._workspace.compositions if c.name in current):
            self._write_outputs(composition, observation)

    def _write_outputs(self, composition: Composition, observation: Observation) -> None:
        found = roles_in_aws(composition, observation)
        ids = {
            role.key: live.role_id
            for role in composition.roles
            if isinstance(live := found[role.key], LiveRole)
            and live.arn == role.arn
            and (role.existing or has_tags(live.tags, composition))
        }
        if len(ids) == len(composition.roles):
            caller, now = self._scope.callers[composition.account.name], self._clock.now()
            try:
                write_outputs(self.spec.root, composition, ids, caller, now)
            except TfdriverError as error:  # the changes in AWS, or another error, matter more
                self._note_any(f"warning: {error}")

    def exposures(self) -> list[Exposure]:
        """Return the recorded exposures, oldest first."""
        return exposures(self._timeline.changes(), self._clock.now())

    def now(self) -> datetime:
        """Return the UTC time."""
        return self._clock.now()

    def prepare(self, compositions: Iterable[Composition], *, to_destroy: bool = False) -> None:
        """Repair broken states, write the compositions with their final values, initialize them, push unsaved states.

        to_destroy: whether to skip reading revocations: destroy deletes them, and the operator may not be allowed to
        read them.
        """

        def write(composition: Composition) -> None:
            self._note_any(self._workspace.repair(composition, self._clock.now()))
            self._workspace.write(composition, None if to_destroy else self._final(composition))

        compositions = list(compositions)
        side_by_side(write, compositions)
        self._roots.init(compositions)
        for composition in compositions:
            push = self._roots.root(composition).push_state
            self._note_any(crash_recovery.push_errored(self._workspace.path(composition), push, self._clock.now()))

    def up(
        self,
        work: Work,
        *,
        overwrite: bool = False,
        keep_going: bool = False,
    ) -> list[Step]:
        """Run the phases, each of which begins after the one before it, but for `Driver.connect`.

        work: what to apply; overwrite: accept and replace an unmanaged trust; keep_going: after an error, go on with
        the compositions that do not depend on the failed one. Raises one error for all.
        """
        opened = self.open(work, overwrite=overwrite, keep_going=keep_going)
        if opened.errors and not keep_going:
            succeeded(opened)
        created = opened.results.keys()
        rest_of_work = without_failed(work, {c.name for c in work.open if _name(Phase.BROAD, c) not in created})
        self._plan_postponed(rest_of_work)
        rest = self.connect(rest_of_work, overwrite=overwrite, keep_going=keep_going)
        return [*succeeded(Ran({**opened.results, **rest.results}, {**opened.errors, **rest.errors})).values()]

    def each(self, do: Callable[[Composition], A], compositions: Iterable[Composition]) -> list[A]:
        """See `Roots.each`."""
        return self._roots.each(do, compositions)

    def open(self, work: Work, *, overwrite: bool = False, keep_going: bool = False) -> Ran[Step]:
        """Phase 1: create the trusting roles that `work` opens. Existing roles keep their trust.

        overwrite: whether to accept an unmanaged trust.
        """
        creator = {role.key: _name(Phase.BROAD, c) for c in work.open for role in c.roles}
        is_broad = any(composition.name in work.broad for composition in work.open)

        def task(composition: Composition) -> Task[Step]:
            earlier = work.earlier.get(composition.name, ())
            opening = partial(self._opening, earlier=earlier, overwrite=overwrite)

            def apply(composition: Composition) -> Step:
                if earlier:
                    wait_for_roles(earlier, self._aws, self._waiting)
                step = self._applier.apply(Phase.BROAD, composition, opening)
                refuse_other_arns(step, composition, "roles_to_be_assumed")
                return step

            return _task(
                Phase.BROAD, composition, apply, frozenset(creator[r.key] for r in earlier if r.key in creator)
            )

        if work.open:
            self._announce(f"phase 1, {'broad' if is_broad else 'exact at once'}: create the trusting roles")
        return self._run(map(task, work.open), keep_going=keep_going)

    def connect(self, work: Work, *, overwrite: bool = False, keep_going: bool = False) -> Ran[Step]:
        """Phase 2, and phase 3: apply the trusted side, and tighten each trusting composition as soon as possible.

        The roles of the trusted side may assume exactly their trusting roles. A trusting composition is tightened, or
        created if `work` has deferred it, once AWS returns the roles that it trusts. Terraform's events report when to
        look: the rest of the trusted side's apply may take longer. Meanwhile, what phase 1 opened is planned.
        """
        depends = dependencies([*work.connect, *work.tighten])
        later = self._later(work)

        def apply(composition: Composition, ready: Ready) -> Step:
            self._announce(_CONNECT)
            assumed = {r.key: r for role in composition.roles for r in self.spec.trusting_of(role)}
            awaited = (r for r in assumed.values() if r.key not in later and self._covers(r))
            wait_for_roles(awaited, self._aws, self._waiting)
            final = tfvars.final(self.spec, composition)
            step = self._applier.apply(Phase.CONNECT, composition, lambda *_: final, roles_done=ready)
            refuse_other_arns(step, composition, "roles_which_will_assume")
            if not all(map(self._covers, assumed.values())):  # `outputs.json` needs the unique ids
                wait_for_roles(composition.roles, self._aws, self._waiting)
            return step

        opened = {c.name for c in work.open}
        ahead = [c for c in work.tighten if c.name in opened]

        def tighten(composition: Composition) -> Task[Step | None]:
            planned = {_plan_name(composition)} if composition.name in opened else set()
            title = _CREATE if work.only_new else _TIGHTEN
            after = {_name(Phase.CONNECT, c) for c in work.connect if c.name in depends[composition.name]}
            after |= {f"{Phase.TIGHTEN} {name}" for name in work.after[composition.name]}
            return self._tightening(composition, title, after | planned, overwrite=overwrite, waiting=work.waiting)

        # Of the tasks that may start, the first one starts first: an open trust is closed before anything else. What
        # waits for another shard starts last: the other shard may wait for what this one does.
        tasks = [tighten(c) for c in work.tighten if c.name not in work.late | work.deferred]
        for composition in work.connect:
            tasks.append(Task(_name(Phase.CONNECT, composition), partial(apply, composition)))
            tasks += [self._planning(c, work.waiting) for c in ahead if composition.name in depends[c.name]]
            ahead = [c for c in ahead if composition.name not in depends[c.name]]
        tasks += [self._planning(c, work.waiting) for c in ahead]
        last = (c for c in work.tighten if c.name in work.late | work.deferred)
        tasks += map(tighten, sorted(last, key=lambda c: (c.name in work.late, c.name not in work.deferred)))
        ran = self._run(tasks, keep_going=keep_going)
        done = {name: step for name, step in ran.results.items() if step}
        order = sorted(done, key=lambda name: not name.startswith(Phase.CONNECT))
        return Ran({name: done[name] for name in order}, ran.errors)

    def tighten(
        self,
        compositions: Iterable[Composition],
        *,
        overwrite: bool = False,
        unreadable: Collection[str] = (),
        keep_going: bool = False,
    ) -> list[Step]:
        """Phase 3 alone; see `_tightening`."""
        tasks = [self._tightening(c, _TIGHTEN, overwrite=overwrite, unreadable=unreadable) for c in compositions]
        return [step for step in succeeded(self._run(tasks, keep_going=keep_going)).values() if step]

    def _planning(self, composition: Composition, waiting: Collection[str]) -> Task[Step | None]:
        """Return the task to plan phase 3 of a composition that phase 1 has opened."""

        def plan(_: Ready) -> None:
            wait_for_roles(composition.roles, self._aws, self._waiting)
            self._applier.plan_ahead(composition, lambda c, observed, _: self._final(c, observed, waiting))

        return Task(_plan_name(composition), plan)

    def _tightening(
        self,
        composition: Composition,
        title: str,
        after: Collection[str] = (),
        *,
        overwrite: bool = False,
        unreadable: Collection[str] = (),
        waiting: Collection[str] = (),
    ) -> Task[Step | None]:
        """Return the task to trust exactly the trusted roles.

        It ends once IAM has returned these trusts twice in a row. title: of the phase; after: names of tasks;
        overwrite: replace an unmanaged trust policy, e.g. one that was edited during phase 2; unreadable: keys of
        trusted roles that cannot be read: IAM checks whether they exist; waiting: keys of roles that keep their trust,
        see `work.waiting_roles`.
        """
        tightened = [role for role in composition.roles if role.key not in waiting]
        wanted = {r.key: r for role in tightened for r in self.spec.trusted_by(role)}
        awaited = [r for r in wanted.values() if r.key not in unreadable and self._covers(r)]

        def values(composition: Composition, observation: Observation, _: datetime) -> dict[str, Any]:
            refuse_trusts(observation.states, refused_kinds(overwrite=overwrite), "Completed changes are kept")
            return self._final(composition, observation, waiting)

        def apply(composition: Composition) -> Step:
            self._announce(title)
            wait_for_roles(awaited, self._scope.reader, self._waiting)
            unsure = [self.spec.roles[key].arn for key in unreadable]
            step = self._applier.apply(Phase.TIGHTEN, composition, values, unsure)
            refuse_other_arns(step, composition, "roles_to_be_assumed")
            keys = [role.key for role in tightened]
            wait_until_settled(keys, lambda: self.roles.observe_for(composition).states, self._waiting)
            # IAM binds a trust to the unique ids that these names have when the policy is saved.
            self.roles.observe_managed(
                composition,
                "A trust may already name this role: delete it and run `tfdriver up`, or run `tfdriver destroy`",
            )
            return step

        return _task(Phase.TIGHTEN, composition, apply, frozenset(after))

    def plan(
        self, compositions: Iterable[Composition], observation: Observation, first: PhaseOne | None = None
    ) -> None:
        """Plan prepared compositions and check the plans; the phases apply these plans.

        observation: the roles in AWS; first: what phase 1 creates.
        """
        now = self._clock.now()
        first = first or PhaseOne()

        def basis(composition: Composition) -> Basis:
            opening = composition in first.open
            earlier = first.earlier.get(composition.name, ())
            final = self._final(composition, observation, first.waiting)
            values = self.opening(composition, observation, now, earlier) if opening else final
            return Basis(values, roles_in_aws(composition, observation), now)

        absent = any(state.kind is TrustKind.ABSENT for state in observation.states.values())
        self.plans.plan_all(((c, basis(c)) for c in compositions), before_phase_1=absent)

    def opening(
        self, composition: Composition, observation: Observation, now: datetime, earlier: Iterable[Role] = ()
    ) -> dict[str, Any]:
        """Return the values of phase 1. now: UTC; earlier: see `PhaseOne`."""
        return tfvars.opening(self.spec, composition, observation, now, earlier, self._revoked(composition))

    def _plan_postponed(self, work: Work) -> None:
        """Plan the trusted compositions that could not be planned before phase 1."""
        postponed = [c for c in work.connect if c.name in self.plans.postponed]
        if postponed:
            self._announce(_CONNECT)
            later = self._later(work)
            roles = {r.key: r for c in postponed for role in c.roles for r in self.spec.trusting_of(role)}
            awaited = (r for r in roles.values() if r.key not in later and self._covers(r))
            wait_for_roles(awaited, self._aws, self._waiting)
            observation, now = self.observe(), self._clock.now()

            def plan(composition: Composition) -> None:
                basis = Basis(self._final(composition), roles_in_aws(composition, observation), now)
                self.plans.plan_again(composition, basis)

            self._roots.each(plan, postponed)

    def _later(self, work: Work) -> frozenset[str]:
        """Return the keys of the roles that phase 3 creates, or may create."""
        return frozenset(r.key for c in self._workspace.of_all_shards if c.name in work.deferred for r in c.roles)

    def _run(self, tasks: Iterable[Task[A]], *, keep_going: bool) -> Ran[A]:
        return run_tasks(tasks, self._roots.settings.parallelism, keep_going=keep_going)

    def _announce(self, title: str) -> None:
        """Report the start of a phase, once."""
        with self._lock:
            if title not in self._announced:
                self._announced.add(title)
                self._roots.progress.phase(title)

    def revocations(self, compositions: Iterable[Composition]) -> dict[str, Revocation]:
        """Return the revocations in IAM, by role key, of the trusting compositions among these."""
        trusting = (c for c in compositions if c.side is Side.TRUSTING)
        return revocation.read_revocations((r for c in trusting for r in c.roles if not r.existing), self._aws)

    def revoke(self, compositions: Iterable[Composition]) -> list[Step]:
        """Revoke all sessions of these compositions' roles that were issued before now."""
        todo = [c for c in compositions if not all(role.existing for role in c.roles)]
        self._roots.progress.phase("revoke the sessions issued before now")
        roles = [role for composition in todo for role in composition.roles if not role.existing]
        text = revocation.stamp(self._clock.now())
        times = {role.key: text for role in roles}

        def values(composition: Composition, *_: object) -> dict[str, Any]:
            return tfvars.final(self.spec, composition, revoke_before=times)

        steps = self._roots.each(lambda c: self._applier.apply(Phase.TIGHTEN, c, values), todo)
        revocation.wait_until_revoked(roles, text, self._aws, self._waiting)
        return steps

    def find_orphans(self, compositions: Iterable[Composition]) -> dict[str, tuple[OrphanedResource, ...]]:
        """Return the orphaned resources of prepared compositions, by name of the composition. Changes nothing."""

        def find(composition: Composition) -> tuple[OrphanedResource, ...]:
            return self._adopter.find(composition, tfvars.final(self.spec, composition))

        compositions = list(compositions)
        return {c.name: found for c, found in zip(compositions, self._roots.each(find, compositions), strict=True)}

    def plan_to_destroy(self, compositions: Iterable[Composition]) -> None:
        """Plan to delete all resources in the states of prepared compositions; `destroy` applies these plans."""

        def plan(composition: Composition) -> None:
            basis = Basis(tfvars.final(self.spec, composition), {}, self._clock.now())
            self.plans.plan_to_destroy(composition, basis)

        self._roots.each(plan, compositions)

    def give_back(self, compositions: Iterable[Composition]) -> None:
        """Give back the existing roles of prepared compositions, see `deploy.give_back`, and plan to destroy these."""
        todo = list(compositions)
        if todo:
            self._roots.progress.phase("restore the trust policies of existing roles")

        def restore(composition: Composition) -> None:
            check_identities(self.spec, self._aws, [composition.account])
            state, observation = self.roles.state_of(composition), self.roles.observe_for(composition)
            root = self._roots.root(composition)
            give_back(composition, state, observation, self._aws, self._workspace, root, self._waiting)

        self._roots.each(restore, todo)
        self.plan_to_destroy(todo)

    def adopt(self, orphans: Mapping[str, Sequence[OrphanedResource]]) -> None:
        """Import orphaned resources, by name of the composition, and plan again to delete all resources."""

        def adopt(composition: Composition) -> None:
            check_identities(self.spec, self._aws, [composition.account])
            self._adopter.import_all(composition, orphans[composition.name])

        found = [c for c in self._workspace.compositions if orphans.get(c.name)]
        self._roots.each(adopt, found)
        self.plan_to_destroy(c for c in found if self.plans.of(c))  # the others are planned after `give_back`

    def destroy(self, compositions: Iterable[Composition], *, keep_going: bool = False) -> list[Step]:
        """Apply the plans to destroy compositions: one after the others whose roles it trusts, except in a circle.

        Raises TfdriverError for a replaced role, one error for all.
        """
        compositions = list(compositions)
        depends = without_circles(dependencies(compositions))

        def destroy(composition: Composition) -> Step:
            check_identities(self.spec, self._aws, [composition.account])
            self.roles.refuse_replaced_in(composition)
            return self._applier.run("destroy", composition, self.plans.planned(composition))

        def task(composition: Composition) -> Task[Step]:
            return Task(composition.name, lambda _: destroy(composition), depends[composition.name])

        return list(succeeded(self._run(map(task, compositions), keep_going=keep_going)).values())

    def _side(self, side: Side) -> list[Composition]:
        return [c for c in self._workspace.compositions if c.side is side]

    def _final(
        self, composition: Composition, observation: Observation | None = None, waiting: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return the final values, with the revocations that are still needed.

        observation: the roles in AWS; waiting: keys of the roles that keep the trust policy that they have there.
        """
        states = observation.states if observation else {}
        kept = {k: live.trust_policy for k, s in states.items() if k in waiting and (live := s.live)}
        return tfvars.final(self.spec, composition, self._revoked(composition), kept)

    def _revoked(self, composition: Composition) -> dict[str, str]:
        return revocation.revocations_in_force(self.revocations([composition]), self._clock.now())

    def _note_any(self, text: str) -> None:
        if text:
            self._roots.progress.note(text)

    def _covers(self, role: Role) -> bool:
        """Whether the run covers a role's account."""
        return self._workspace.accounts is None or role.account in self._workspace.accounts

    def _opening(
        self,
        composition: Composition,
        observation: Observation,
        planned: datetime,
        *,
        earlier: Iterable[Role],
        overwrite: bool,
    ) -> dict[str, Any]:
        """Return the values of phase 1. planned: when it was planned, UTC; earlier: see `PhaseOne`."""
        states = {role.key: observation.states[role.key] for role in composition.roles}
        refuse_trusts(states, refused_kinds(overwrite=overwrite), "Completed changes are kept")
        refuse_unreadable_roles(self.spec, observation)
        refuse_to_open_again(self.spec, observation)
        now = self._clock.now()
        recent = now - planned < _OLD_PLAN  # the deadline of a broad trust counts from its plan
        return self.opening(composition, observation, planned if recent else now, earlier)


def _name(phase: Phase, composition: Composition) -> str:
    return f"{phase} {composition.name}"


def _plan_name(composition: Composition) -> str:
    return f"plan {composition.name}"


def _task(
    phase: Phase, composition: Composition, do: Callable[[Composition], S], after: frozenset[str] = frozenset()
) -> Task[S]:
    return Task(_name(phase, composition), lambda _: do(composition), after)


def make_driver(
    workspace: Workspace,
    aws: DriverAws,
    terraform: Settings,
    progress: Progress,
    timeline: Timeline,
    clock: Clock,
    scope: RunScope,
) -> Driver:
    """Return a driver with its collaborators. terraform: settings of its commands."""
    roots = Roots(workspace, terraform, progress, clock)
    roles = ProjectRoles(workspace, scope.reader, scope.states, scope.others, scope.applied)
    adopter = Adopter(workspace, aws, progress.note, roots.root, terraform.interrupts.check)
    plans = Plans(roots, adopter, scope.may_adopt)
    return Driver(
        roots=roots,
        roles=roles,
        adopter=adopter,
        plans=plans,
        applier=Applier(roots, roles, plans, timeline, aws),
        aws=aws,
        timeline=timeline,
        scope=scope,
    )
